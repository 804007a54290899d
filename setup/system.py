"""Debian packages: what the tests need beyond Python, installed where that is allowed."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from setup.console import SetupError, run, say, step, works
from setup.places import CACHE

_TREE = CACHE / "debian"
UNPACKED = _TREE / "usr" / "bin"
_FONTS = Path("/usr/share/fonts")


@dataclass(frozen=True)
class Package:
    """A Debian package, what shows that it is there (any program, or a file), and what the tests do with it."""

    name: str
    programs: tuple[str, ...]
    purpose: str
    file: Path | None = None

    def present(self) -> bool:
        """Whether the machine has it, from this package or elsewhere."""
        if self.file is not None:
            return self.file.exists()
        if not self.programs:
            return any(_FONTS.rglob("*.ttf"))
        return any(shutil.which(program) for program in self.programs)


BROWSER = (
    Package(
        "chromium", ("chromium", "chromium-browser", "google-chrome"), "the browser that the watch page is tested in"
    ),
    Package("fonts-dejavu-core", (), "letters in that browser"),
)
NEEDED = (
    *BROWSER,
    Package("strace", ("strace",), "to watch what media processes open and connect to"),
    Package("postgresql", ("pg_ctl", "pg_ctlcluster"), "the database that clusters use"),
    # It has the server in it; the package redis-server would start one as a service.
    Package("redis-tools", ("redis-server", "redis-check-rdb"), "Redis, which servers may share"),
    # The library alone, which has the servers in it: the packages beside it would start them as services.
    Package(
        "python3-swift",
        (),
        "OpenStack Swift, the S3 server of the tests",
        Path("/usr/lib/python3/dist-packages/swift/__init__.py"),
    ),
    Package("openssl", ("openssl",), "the key of the tests' Google service account"),
)
_PROMETHEUS = Package("prometheus", ("promtool",), "promtool, which checks /metrics")
_RABBITMQ = Package(
    "rabbitmq-server", (), "RabbitMQ, which events may be published to", Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
)
# What it runs on; all that it asks for beside that is to be a service.
_ERLANG = (
    *("erlang-asn1", "erlang-base", "erlang-crypto", "erlang-eldap", "erlang-inets", "erlang-mnesia", "erlang-os-mon"),
    *("erlang-parsetools", "erlang-public-key", "erlang-runtime-tools", "erlang-ssl", "erlang-syntax-tools"),
    *("erlang-tools", "erlang-xmerl"),
)


def ensure() -> None:
    """Make sure that everything the tests need is there; SetupError with a clear list where it may not install."""
    _ensure(NEEDED, "tests")
    if not (_PROMETHEUS.present() or (UNPACKED / "promtool").exists()):
        _unpack(_PROMETHEUS, "promtool", "usr/bin/promtool")
    if not (_RABBITMQ.present() or (_TREE / "usr/lib/rabbitmq").exists()):
        _unpack(_RABBITMQ, "RabbitMQ", "usr/lib/erlang", "usr/lib/rabbitmq", also=_ERLANG)


def ensure_browser() -> None:
    """Make sure that the browser is there, which the benchmarks need; SetupError as `ensure` raises it."""
    _ensure(BROWSER, "benchmarks")


def _ensure(packages: Sequence[Package], who: str) -> None:
    missing = [package for package in packages if not package.present()]
    if not missing:
        return
    if not may_install():
        raise SetupError(f"The {who} need programs that are not on this machine.", _list_of(missing))
    install([package.name for package in missing])


@cache
def _privilege() -> tuple[str, ...] | None:
    """What to put before apt-get: nothing for root, sudo where it asks for no password; None where neither is there."""
    if os.geteuid() == 0:
        return ()
    return ("sudo", "-n") if works(["sudo", "-n", "true"]) else None


def may_install() -> bool:
    """Whether packages can be installed: a Debian kind of system, and root or sudo."""
    return shutil.which("apt-get") is not None and _privilege() is not None


def install(packages: Sequence[str]) -> None:
    """Install Debian packages, after an update of the lists."""
    names = " ".join(packages)
    with step(f"Installing Debian packages: {names}"):
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *packages)


def _apt(*arguments: str) -> None:
    run(
        [*(_privilege() or ()), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", *arguments],
        problem=f"apt-get {arguments[0]} failed",
        hint="Run it by hand to see why; then run the same command again.",
    )


def _list_of(packages: Sequence[Package]) -> str:
    lines = [f"{package.name:<18} {package.purpose}" for package in packages]
    names = " ".join(package.name for package in packages)
    return "\n".join(["As root, or on other systems by their own means:", f"  apt-get install {names}", *lines])


def _unpack(package: Package, what: str, *paths: str, also: Sequence[str] = ()) -> None:
    """Take these paths out of a package, and of others that it needs: installed, it would start a server at once."""
    if shutil.which("apt-get") is None:
        raise SetupError(f"The tests need {what}.", _list_of([package]))
    with step(f"Unpacking {what}"), tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        here.chmod(0o755)  # apt downloads as a user of its own
        if not works(["apt-get", "--simulate", "download", package.name, *also]) and may_install():
            _apt("update")
        run(
            ["apt-get", "--quiet=2", "download", package.name, *also],
            cwd=here,
            problem=f"The package {package.name}, for {what}, could not be downloaded",
            hint=_list_of([package]),
        )
        for archive in here.glob("*.deb"):
            extract = ["dpkg-deb", "--extract", str(archive), str(here / "tree")]
            run(extract, problem=f"{archive.name} could not be unpacked")
        for path in paths:
            shutil.rmtree(_TREE / path, ignore_errors=True)  # of a set-up that was cut short
            (_TREE / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(here / "tree" / path, _TREE / path)
    say(f"  {_TREE / paths[0]}")
