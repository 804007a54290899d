"""Fixtures of the contract suites."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.site import LIMITS, Site, serving
from vidcompute.adapters.fetch_http import HttpFetcher

# Of the executor over a cluster, where each test costs seconds, `make test` has what is the executor's own to do;
# `make faults` has what its nodes' runners do as well, which is the local executor's code.
_OWN = frozenset(
    {
        "test_an_attempt_publishes_what_its_stage_made",
        "test_cancel_ends_every_process_within_two_seconds",
        "test_what_an_attempt_writes_is_read_before_it_ends",
        "test_hold_stops_background_attempts_alone",
        "test_a_lost_node_loses_its_attempts_and_work_goes_on",
        "test_many_attempts_at_once_each_end_once",
        "test_close_waits_for_the_grace_and_ends_the_rest",
    }
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        of_ray = isinstance(item, pytest.Function) and item.name.partition("[")[2].startswith(("ray-", "ray]"))
        if of_ray and item.name.partition("[")[0] not in _OWN:
            item.add_marker(pytest.mark.long)


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
