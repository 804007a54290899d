"""Serving: in this process, or as a child for `vidctl run`."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.cli.local import Endpoint, Platform, Say, ServeOptions, Tell
from vidcompute.errors import Kind, VidComputeError
from vidcompute.local import finding
from vidcompute.media import ffmpeg
from vidcompute.media import sample as made_up
from vidcompute.media.run import Service, run, start_service
from vidcompute.media.sandbox import die_with_parent

if TYPE_CHECKING:
    from vidcompute.settings import Explained, Settings

    Explain = Callable[[Settings], list[Explained]]

LOG_FILE = "server.log"
SAMPLE_FILE = "sample-1.mp4"  # raise the number when the sample changes
_START_S = 60.0
_LOOK_S = 0.05
_STOP_S = 20.0  # beyond the grace that attempts get
_SAMPLE_TIMEOUT_S = 900.0
_LAST_LINES = 5
_SERVE = (sys.executable, "-m", "vidcompute.main", "serve")


def serve(options: ServeOptions, server: Callable[[], int]) -> int:
    """Serve with these options over the settings; the server's exit code."""
    if options.child:
        die_with_parent()
    said = {"HOST": options.host, "PORT": options.port, "DATA_DIR": options.data_dir}
    os.environ.update({f"VIDCOMPUTE_{name}": str(value) for name, value in said.items() if value is not None})
    if options.log_file is not None:
        _log_to(options.log_file)
    return server()


def _log_to(path: Path) -> None:
    with path.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())


def stop(service: Service, timeout_s: float) -> None:
    """End a server as a service manager does: it hands its work back; killed when it takes longer."""
    if service.returncode() is None:
        os.kill(service.pid, signal.SIGTERM)
    if not service.wait(timeout_s):
        service.kill()


# -- for `vidctl run` ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reused:
    """A server that ran before. Implements `cli.local.Platform`."""

    endpoint: Endpoint
    log_file: Path
    reused: bool = True

    def ready(self) -> Endpoint:
        """See `Platform.ready`."""
        return self.endpoint

    def ended(self, timeout_s: float) -> bool:
        """See `Platform.ended`."""
        time.sleep(timeout_s)
        return not finding.answers(self.endpoint.url)


@dataclass(frozen=True)
class Started:
    """A server that was started as a child. Implements `cli.local.Platform`."""

    service: Service
    folder: Path
    log_file: Path
    reused: bool = False

    def ready(self) -> Endpoint:
        """See `Platform.ready`."""
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s:
            if self.service.returncode() is not None:
                break
            told = finding.announced(self.folder)
            if told is not None and told.pid == self.service.pid and finding.answers(told.url):
                return Endpoint(told.url, finding.key_of(self.folder))
            time.sleep(_LOOK_S)
        detail = f"The platform did not start. The end of {self.log_file}:\n{self._log_end()}"
        raise VidComputeError(Kind.UNAVAILABLE, "server_failed", detail)

    def _log_end(self) -> str:
        try:
            lines = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_LAST_LINES:])

    def ended(self, timeout_s: float) -> bool:
        """See `Platform.ended`."""
        return self.service.wait(timeout_s)


@contextlib.contextmanager
def platform(settings: "Settings", explain: "Explain", say: Say) -> Iterator[Platform]:
    """The platform of ./data (or of the data folder that was set): the one that runs, else a child of ours."""
    folder = finding.run_folder(settings, explain(settings))
    log_file = folder / LOG_FILE
    there = finding.running(folder)
    if there is not None:
        yield Reused(there, log_file)
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = settings.port
    if not _is_free(settings.host, port):
        say(f"Port {port} is taken by something else; choosing a free one.")
        port = 0
    options = ["--child", "--data-dir", str(folder), "--port", str(port), "--log-file", str(log_file)]
    service = start_service([*_SERVE, *options], env=os.environ)
    try:
        yield Started(service, folder, log_file)
    finally:
        stop(service, settings.shutdown_grace_s + _STOP_S)


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError:
        return False
    return True


def sample(settings: "Settings", explain: "Explain", told: Tell) -> Path:
    """The sample video in the data folder, made when it is not there. Only for a process with one thread."""
    target = finding.run_folder(settings, explain(settings)) / SAMPLE_FILE
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = target.with_name(f".{os.getpid()}-{target.name}")
    program = ffmpeg.locate(str(settings.ffmpeg_path) if settings.ffmpeg_path else None)
    try:
        run(
            made_up.command(program, partial),
            timeout_s=_SAMPLE_TIMEOUT_S,
            on_progress=lambda report: told(min(1.0, (report.frame or 0) / made_up.FRAMES)),
        )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
