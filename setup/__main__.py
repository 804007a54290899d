"""The steps that the Makefile names: `python -m setup STEP [ARGUMENT …]`, from the top folder of the checkout."""

import os
import sys
from collections.abc import Callable, Mapping

from setup import environment, lock, pages, reload, suite, system
from setup.console import SetupError, fail
from setup.places import LIGHTHOUSE, OPENAPI_TOOLS, TEST_CLIENTS, exclusive


def _run() -> int:
    with exclusive():
        environment.ensure("run")
        pages.ensure()
    return 0


def _dev() -> int:
    with exclusive():
        environment.ensure("dev")
    return 0


def _test() -> int:
    with exclusive():
        environment.ensure("dev")
        system.ensure()
        pages.ensure()
    return suite.cluster() if os.environ.get("PROFILE") == "cluster" else suite.everything()


def _browser() -> int:
    with exclusive():
        environment.ensure("dev")
        system.ensure_browser()
        pages.ensure()
    return 0


def _bench() -> int:
    _browser()
    with exclusive():
        pages.packages(LIGHTHOUSE)
    return 0


def _check() -> int:
    _dev()
    return suite.quick()


def _pages() -> int:
    with exclusive():
        environment.ensure("run")
        pages.ensure()
    return 0


def _test_clients() -> int:
    with exclusive():
        environment.ensure("dev")
        pages.packages(TEST_CLIENTS)
    return 0


def _openapi_tools() -> int:
    with exclusive():
        pages.packages(OPENAPI_TOOLS)
    return 0


def _wheel() -> int:
    _pages()
    return environment.build_wheel()


def _reload() -> int:
    with exclusive():
        environment.ensure("dev")
        pages.ensure()
    return reload.serve(sys.argv[2:])


def _lock() -> int:
    with exclusive():
        return lock.write(upgrade="--upgrade" in sys.argv)


STEPS: Mapping[str, Callable[[], int]] = {
    "run": _run,  # what `make run` needs
    "dev": _dev,  # and the developers' tools
    "pages": _pages,
    "test": _test,
    "check": _check,
    "browser": _browser,  # what the monkey, and pictures of the pages, need
    "bench": _bench,  # what the benchmarks need beside that
    "openapi-tools": _openapi_tools,
    "test-clients": _test_clients,  # what make faults needs beside that
    "wheel": _wheel,
    "reload": _reload,
    "lock": _lock,
}


def main() -> int:
    """Run one step; the exit code."""
    step = STEPS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if step is None:
        sys.stderr.write(f"usage: python -m setup {{{' | '.join(STEPS)}}}\n")
        return 2
    try:
        return step()
    except SetupError as problem:
        return fail(problem)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Run the same command again to go on.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
