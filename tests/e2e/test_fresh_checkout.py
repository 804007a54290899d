"""A checkout on a machine that has Python and little else: an empty HOME, no Node.js, a space in the path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import tree

# What a shell script and npm's scripts call for. Node.js, npm and uv are not among them.
_PROGRAMS = ("sh", "bash", "dirname", "env", "uname", "sed", "rm", "git")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what belongs to the project, and nothing that was installed or built."""
    top = tmp_path / "a checkout"
    for path in tree.files():
        target = top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.ROOT / path, target)
    return top


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a bare machine: what reaches the registries is kept, all else is gone."""
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    for name in _PROGRAMS:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    reaching = ("PIP_", "UV_", "SSL_", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "no_proxy")
    kept = {name: value for name, value in os.environ.items() if name.startswith(reaching) and name != "UV"}
    return {**kept, "PATH": str(programs), "HOME": str(home)}


def _set_up(checkout: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", str(checkout / "setup" / "start.sh"), "run"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.timeout(900)
def test_a_bare_machine_is_set_up_once(checkout: Path, bare: dict[str, str]) -> None:
    first = _set_up(checkout, bare)
    assert "Getting Node.js" in first
    python = checkout / ".venv" / "bin" / "python"
    imported = subprocess.run(
        [
            python,
            "-c",
            "import av, imageio_ffmpeg, vidcompute; print(vidcompute.__file__, imageio_ffmpeg.get_ffmpeg_exe())",
        ],
        env=bare,
        cwd=checkout.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert imported.startswith(str(checkout / "vidcompute"))
    assert (checkout / "vidcompute" / "pages" / "watch.html").is_file()
    assert _set_up(checkout, bare) == ""

    with (checkout / "web" / "watch.html").open("a") as page:
        page.write("<!-- changed -->\n")
    again = _set_up(checkout, bare)
    assert "Building the web pages" in again
    assert "Installing" not in again

    moved = checkout.with_name("elsewhere")
    checkout.rename(moved)
    assert "Making the environment" in _set_up(moved, bare)
    assert str(moved) in (moved / ".venv" / "bin" / "activate").read_text()
