"""Where the servers are, as the agent of a node last heard it and the attempts of that node can read it."""

import json
from collections.abc import Sequence
from pathlib import Path

_NAME = ".servers"


def remember(work: Path, urls: Sequence[str]) -> None:
    """Note the URLs of the servers in the folder of attempts, for `known` to tell."""
    new = work / f"{_NAME}.new"
    new.write_text(json.dumps(list(urls)))
    new.replace(work / _NAME)


def known(work: Path) -> Sequence[str]:
    """The URLs that were noted last in the folder of attempts; none where none were."""
    try:
        found: list[str] = json.loads((work / _NAME).read_text())
    except FileNotFoundError:
        return ()
    return found
