"""What the tests of the dashboard share: a platform for each module, and a small video.

No two modules share a platform. What one leaves there (members, endpoints, the demand for a second factor, another name
of the organization, a queue) another would find, and only where both are run, in one order. A module that wants other
settings overrides `settings`.
"""

from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, running
from tests.fixtures.clips import ClipMaker
from tests.fixtures.platform import Server


@pytest.fixture(scope="module")
def settings() -> Mapping[str, str]:
    """Of the platform: webhooks and imports may go to this machine, where the tests' receivers are."""
    return {"VIDCOMPUTE_ALLOW_PRIVATE_ADDRESSES": "true"}


@pytest.fixture(scope="module")
def driver(settings: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    """A client of a platform that the tests of a module share."""
    with running(tmp_path_factory.mktemp("dashboard") / "data", **settings) as made:
        yield made


@pytest.fixture(scope="module")
def server(driver: Driver) -> Server:
    """That platform, in the place of the one that other folders have."""
    return driver.server


@pytest.fixture(scope="module")
def source(clip: ClipMaker) -> Path:
    """Six seconds of picture and sound."""
    return clip("h264_aac_360p30_6s")
