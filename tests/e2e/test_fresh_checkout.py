"""A checkout on a machine that has Python and make and little else: an empty HOME, no Node.js, a space in the path."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fixtures.clips import ClipMaker
from tests.fixtures.waiting import wait_until
from tests.house import tree
from vidcompute.media import ffmpeg

# What make, a shell script and npm's scripts call for. Node.js, npm and uv are not among them.
_PROGRAMS = ("sh", "bash", "dirname", "env", "uname", "sed", "rm", "git", "make", "strace")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a bare machine: what reaches the registries is kept, all else is gone."""
    folder = tmp_path_factory.mktemp("machine")
    programs, home = folder / "bin", folder / "home"
    programs.mkdir()
    home.mkdir()
    for name in _PROGRAMS:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    reaching = ("PIP_", "UV_", "SSL_", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "no_proxy")
    kept = {name: value for name, value in os.environ.items() if name.startswith(reaching) and name != "UV"}
    return {**kept, "PATH": str(programs), "HOME": str(home)}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, bare: dict[str, str]) -> tuple[Path, str]:
    """A copy of what belongs to the project, set up on the bare machine; and what that said."""
    top = tmp_path_factory.mktemp("place") / "a checkout"
    for path in tree.files():
        target = top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.ROOT / path, target)
    return top, _set_up(top, bare)


@pytest.fixture
def checkout(first: tuple[Path, str], bare: dict[str, str]) -> Path:
    """That checkout. Whoever changes a file of it changes it back; whoever moves it may leave it elsewhere."""
    top = first[0]
    if not top.exists():
        elsewhere(top).rename(top)
        _set_up(top, bare)
    return top


def elsewhere(checkout: Path) -> Path:
    """Where it may be moved to."""
    return checkout.with_name("elsewhere")


@pytest.fixture
def platform(bare: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The bare machine, with a port and a data folder of the test's own."""
    return {**bare, "VIDCOMPUTE_PORT": "0", "VIDCOMPUTE_DATA_DIR": str(tmp_path / "data")}


def _run(
    command: Sequence[str | Path], environment: dict[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done


def _set_up(checkout: Path, environment: dict[str, str], step: str = "run") -> str:
    return _run(["sh", checkout / "setup" / "start.sh", step], environment, checkout.parent).stderr


@pytest.mark.timeout(900)
def test_a_bare_machine_is_set_up(first: tuple[Path, str], bare: dict[str, str]) -> None:
    checkout, said = first
    assert "Getting Node.js" in said
    show = "import av, imageio_ffmpeg, vidcompute; print(vidcompute.__file__, imageio_ffmpeg.get_ffmpeg_exe())"
    imported = _run([checkout / ".venv" / "bin" / "python", "-c", show], bare, checkout.parent).stdout
    assert imported.startswith(str(checkout / "vidcompute"))
    assert (checkout / "vidcompute" / "pages" / "watch.html").is_file()


@pytest.mark.timeout(900)
def test_the_second_time_nothing_is_done(checkout: Path, bare: dict[str, str], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    watched = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace)]
    done = _run([*watched, "sh", str(checkout / "setup" / "start.sh"), "run"], bare, checkout.parent)
    assert (done.stdout, done.stderr) == ("", "")
    started = re.findall(r'execve\("([^"]+)".* = 0$', trace.read_text(), re.MULTILINE)
    assert {Path(program).name for program in started} == {"sh", "dirname", "python"}  # no installer, no npm


@pytest.mark.timeout(900)
def test_make_run_goes_to_work_at_once_when_all_is_set_up(
    checkout: Path, platform: dict[str, str], clip: ClipMaker, tmp_path: Path
) -> None:
    command = ["make", "--no-print-directory", "run", "ONCE=1", f"FILE={clip('h264_aac_720p24_3s')}"]
    with (tmp_path / "said").open("w+") as said:
        running = subprocess.Popen(
            command, env=platform, cwd=checkout, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            wait_until(
                lambda: (
                    running.poll() is not None or re.search(r"^\w+ (running|done)$", _text(tmp_path / "said"), re.M)
                ),
                what="a stage at work",
            )
            assert running.wait(300) == 0, _text(tmp_path / "said")
        finally:
            running.kill()
    assert re.search(r"^watch http", _text(tmp_path / "said"), re.M)


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


@pytest.mark.timeout(900)
def test_a_changed_file_starts_the_server_anew(checkout: Path, platform: dict[str, str], tmp_path: Path) -> None:
    announced = Path(platform["VIDCOMPUTE_DATA_DIR"]) / "server.json"

    def another(than: int) -> int:
        try:
            found = int(json.loads(announced.read_text())["pid"])
        except (OSError, ValueError, KeyError):
            return 0
        return found if found != than else 0

    source, page = checkout / "vidcompute" / "errors.py", checkout / "web" / "watch.html"
    before = {path: path.read_bytes() for path in (source, page)}
    built = checkout / "vidcompute" / "pages" / "watch.html"
    # As `make dev` serves, without the developers' packages, which it gets first.
    serve = "import sys; from setup import reload; sys.exit(reload.serve([]))"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [checkout / ".venv" / "bin" / "python", "-c", serve], env=platform, cwd=checkout, stdout=log, stderr=log
        )
        try:
            first = wait_until(lambda: another(0), what="the first server")
            source.write_bytes(before[source] + b"\nCHANGED = True\n")
            second = wait_until(lambda: another(first), what="the second server")
            assert not Path(f"/proc/{first}").exists()
            page.write_bytes(before[page].replace(b"</head>", b'<meta name="changed" content="yes"></head>'))
            wait_until(lambda: b'name="changed"' in built.read_bytes() if built.exists() else None, what="the page")
            assert another(0) == second  # which reads the pages anew by itself
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        finally:
            server.kill()
            for path, content in before.items():
                path.write_bytes(content)
            _set_up(checkout, platform)
    assert _text(tmp_path / "log").count("A file changed: starting anew.") == 1


@pytest.mark.timeout(900)
def test_a_wheel_holds_the_built_pages_and_works_by_itself(
    checkout: Path, bare: dict[str, str], tmp_path: Path
) -> None:
    said = _set_up(checkout, bare, "wheel")
    (wheel,) = (checkout / "dist").glob("vidcompute-*.whl")
    assert f"dist/{wheel.name}" in said

    place = tmp_path / "elsewhere"
    python = place / "bin" / "python"
    _run(["python3", "-m", "venv", "--without-pip", place], bare, tmp_path)
    # In the versions that were tested; offline, for the set-up left all of them in uv's cache.
    uv = {**bare, "UV_CACHE_DIR": bare.get("UV_CACHE_DIR", str(Path(bare["HOME"], ".cache", "uv")))}
    program, locked = str(checkout / ".venv" / "bin" / "uv"), str(checkout / "requirements" / "run.lock")
    install = [program, "pip", "install", "--quiet", "--offline", "--python", str(python)]
    _run([*install, "--require-hashes", "--requirement", locked], uv, tmp_path)
    _run([*install, "--no-deps", str(wheel)], uv, tmp_path)

    told = json.loads(_run([place / "bin" / "vidctl", "version", "--json"], bare, tmp_path).stdout)
    assert told["version"] == wheel.name.split("-")[1]
    assert ffmpeg.version_numbers(told["ffmpeg"]) is not None
    (package,) = place.glob("lib/python*/site-packages/vidcompute")
    built = checkout / "vidcompute" / "pages"
    pages = {path.relative_to(built): path.read_bytes() for path in built.rglob("*") if path.is_file()}
    assert Path("watch.html") in pages
    assert {path: (package / "pages" / path).read_bytes() for path in pages} == pages


@pytest.mark.timeout(900)
def test_what_changed_is_made_anew_and_a_checkout_may_be_moved(checkout: Path, bare: dict[str, str]) -> None:
    page = checkout / "web" / "watch.html"
    before = page.read_bytes()
    page.write_bytes(before + b"<!-- changed -->\n")
    again = _set_up(checkout, bare)
    assert "Building the web pages" in again
    assert "Installing" not in again

    moved = checkout.rename(elsewhere(checkout))
    again = _set_up(moved, bare)
    (moved / "web" / "watch.html").write_bytes(before)
    assert "Making the environment" in again
    assert "Building the web pages" not in again
    assert str(moved) in (moved / ".venv" / "bin" / "activate").read_text()
