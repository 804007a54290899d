"""The composition root's own small parts; the running whole is in tests/e2e."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vidcompute import main
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.errors import VidComputeError
from vidcompute.settings import Settings
from vidcompute.wiring import runner


def test_a_data_folder_belongs_to_one_server_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with main.claimed(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(VidComputeError, match="data_dir_in_use"), main.claimed(folder):
            pytest.fail("claimed twice")
    with main.claimed(folder):
        pass


def test_what_the_runner_is_told_has_no_secrets(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://u:hunter2@db/x", fetch_max_bytes=123)
    executor = runner.executor(settings, Path("/bin/ffmpeg"))
    (told,) = [json.loads(a) for a in executor._argv if a.startswith("{")]
    assert told["fetch"]["max_bytes"] == 123
    assert told["ffmpeg"] == "/bin/ffmpeg"
    assert "hunter2" not in str(executor._argv) + str(executor._environment)


class Bound(socket.socket):
    """A socket that is bound somewhere, as far as anybody can tell."""

    def __init__(self, host: str) -> None:
        super().__init__(socket.AF_UNIX)
        self._host = host

    def getsockname(self) -> tuple[str, int]:
        return self._host, 81


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:81"),
        ("0.0.0.0", "http://127.0.0.1:81"),
        ("::", "http://[::1]:81"),
        ("fd00::1", "http://[fd00::1]:81"),
    ],
)
def test_programs_on_this_machine_are_told_an_address_that_they_can_reach(host: str, url: str) -> None:
    with Bound(host) as listening:
        assert main.local_url(listening) == url


def test_a_wrong_setting_ends_the_server_with_its_name(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "vidcompute.main", "serve"],
        env={"VIDCOMPUTE_PORT": "many", "PYTHONPATH": str(Path(main.__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == ExitCode.INVALID
    assert "VIDCOMPUTE_PORT is wrong" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_server_does_not_load_what_its_children_need() -> None:
    """Codecs and pictures stay out of the process that serves; the web server stays out of the runner."""
    code = (
        "import sys; import vidcompute.main, vidcompute.api.app, vidcompute.dispatch.dispatcher;"
        "from vidcompute.runner.registry import Registry; from vidcompute.runner import STAGES; Registry(STAGES);"
        "print(sorted({'av', 'numpy', 'PIL', 'alembic'} & set(sys.modules)));"
    )
    child = (
        "import sys; import vidcompute.main, vidcompute.wiring.storage, vidcompute.runner.forkserver;"
        "print(sorted({'fastapi', 'sqlalchemy'} & set(sys.modules)))"
    )
    for program in (code, child):
        shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
        assert shown.stdout.strip() == "[]"
