"""Fixtures of the contract suites."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.site import LIMITS, Site, serving
from vidcompute.adapters.fetch_http import HttpFetcher


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as made:
        yield made


@pytest.fixture
def fetcher() -> HttpFetcher:
    return HttpFetcher(LIMITS, allow_private_addresses=True, pause=lambda _s: None)


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    return tmp_path / "source"
