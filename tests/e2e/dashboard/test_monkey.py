"""Random clicks and typing at the dashboard: a short form of `make monkey`."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page

from tests.e2e.driving import Driver
from tests.e2e.monkey import Monkey, fill, let_loose
from tests.fixtures.clips import ClipMaker
from tests.fixtures.receiving import receiving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SEED = 20_261_121
SECONDS = 20


@pytest.fixture(scope="module")
def film(clip: ClipMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip.copy("h264_aac_360p30_6s", tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def driver(driver: Driver, film: Path) -> Generator[Driver]:
    """With something in its library, and an endpoint that answers."""
    with receiving() as receiver:
        fill(driver, film, receiver)
        yield driver


def test_a_monkey_finds_nothing_wrong(driver: Driver, browser: "Browser", film: Path) -> None:
    monkey = let_loose(browser, driver, film, SEED, SECONDS)
    assert monkey.complaints == [], monkey.report()
    assert monkey.taken > SECONDS


def test_a_monkey_complains_of_what_is_wrong(driver: Driver, page: Page, film: Path) -> None:
    monkey = Monkey(driver, page, film, SEED)
    monkey.enter()
    with page.expect_event("pageerror"):
        page.evaluate("console.error('this is odd'); setTimeout(() => { throw new Error('this is wrong'); })")
    monkey.play(SECONDS)
    assert "on the console: this is odd" in monkey.report()
    assert "nobody caught: Error: this is wrong" in monkey.report()
    assert f"SEED={SEED}" in monkey.report()
