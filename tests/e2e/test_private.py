"""Private videos in a real browser: a token opens its own video and nothing else, and no longer than it should."""

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.driving import Driver, Json, running
from tests.e2e.numbered import picture, tone
from tests.e2e.watch_probe import wait_for_data
from tests.fixtures.clips import ClipMaker
from tests.fixtures.command import vidctl as run_vidctl
from tests.fixtures.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.waits
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-c:a", "aac"]
OUTPUTS = ["hls", "thumbnail", "storyboard", "preview"]
# The status of each address, as a script of this page gets it.
_FETCH_ALL = "urls => Promise.all(urls.map(async url => (await fetch(url)).status))"


def vidctl(driver: Driver, *arguments: str) -> Any:
    """The document that a command prints."""
    return json.loads(run_vidctl(*arguments, "--json", data_dir=driver.server.data_dir))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    with running(tmp_path_factory.mktemp("private") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def videos(driver: Driver, clip: ClipMaker) -> tuple[Json, Json]:
    """Two signed videos, ready."""
    source = clip("private", [*picture(seconds="8"), *tone("8"), *X264])
    jobs = [driver.submit(source, outputs=OUTPUTS, playback_policy="signed", title=f"video {n}") for n in range(2)]
    one, other = (driver.done(job["id"])["asset"] for job in jobs)
    return one, other


@pytest.fixture
def key(driver: Driver, tmp_path: Path) -> Generator[tuple[str, Path]]:
    """A signing key, and the file with its private half."""
    file = tmp_path / "key.pem"
    made = vidctl(driver, "signing-keys", "create", "backend", "--out", str(file))
    yield made["id"], file
    vidctl(driver, "signing-keys", "revoke", made["id"])


def _token(driver: Driver, key: tuple[str, Path], asset: Json, *options: str) -> str:
    arguments = ("sign", asset["playback_id"], "--private-key", str(key[1]), "--key-id", key[0], *options)
    return str(vidctl(driver, *arguments)["token"])


def _addresses(handle: str) -> list[str]:
    streams = [f"/stream/{handle}{rest}" for rest in (".m3u8", ".mpd", "/audio-0/index.m3u8", "/audio-0/0.m4s")]
    pictures = [f"/image/{handle}/{name}" for name in ("thumbnail.jpg", "preview.webp", "storyboard.vtt")]
    return [*streams, *pictures, f"/image/{handle}/storyboard-0.jpg", f"/watch/{handle}/state"]


def _statuses(page: "Page", handle: str) -> set[int]:
    return set(page.evaluate(_FETCH_ALL, _addresses(handle)))


def _handle(page: "Page") -> str:
    return page.url.partition("/watch/")[2].partition("?")[0]


def test_a_token_opens_its_own_video_and_no_other(
    driver: Driver, videos: tuple[Json, Json], key: tuple[str, Path], page: "Page"
) -> None:
    one, other = videos
    token = _token(driver, key, one)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{one['urls']['watch']}?token={token}&autoplay=1&muted=1")
    wait_for_data(page, "state", "playing")
    first, *rest = asked
    assert token in first
    assert [url for url in rest if token in url] == []
    handle = _handle(page)
    assert _statuses(page, handle) == {200}
    pass_ = handle.partition("~")[2]
    assert _statuses(page, one["playback_id"]) == {403}
    assert _statuses(page, other["playback_id"]) == {403}
    assert _statuses(page, f"{other['playback_id']}~{pass_}") == {403}
    page.goto(f"{other['urls']['watch']}?token={token}")
    wait_for_data(page, "asset", "locked")
    assert "This video is private" in page.inner_text("#player")


def test_what_a_token_does_not_name_stays_shut(
    driver: Driver, videos: tuple[Json, Json], key: tuple[str, Path], page: "Page"
) -> None:
    asset = videos[0]
    page.goto(f"{asset['urls']['watch']}?token={_token(driver, key, asset, '--audience', 'video')}&autoplay=1&muted=1")
    wait_for_data(page, "state", "playing")
    found: list[Any] = page.evaluate(_FETCH_ALL, _addresses(_handle(page)))
    assert [status == 200 for status in found] == [True] * 4 + [False] * 4 + [True]


def test_an_expired_token_and_a_revoked_key_shut_the_door_within_a_minute(
    driver: Driver, videos: tuple[Json, Json], key: tuple[str, Path], page: "Page"
) -> None:
    asset = videos[0]
    page.goto(f"{asset['urls']['watch']}?token={_token(driver, key, asset, '--expires', '6s')}")
    short = _handle(page)
    page.goto(f"{asset['urls']['watch']}?token={_token(driver, key, asset)}")
    handle = _handle(page)
    assert _statuses(page, handle) == {200}
    vidctl(driver, "signing-keys", "revoke", key[0])
    revoked_s = time.monotonic()
    # The browser keeps what it has for a minute: to ask for all of it 50 times a second would take a core that long.
    wait_until(lambda: _statuses(page, handle) == {403}, timeout_s=60, what="the end of the passes", pause_s=0.1)
    assert time.monotonic() - revoked_s < 60
    wait_until(lambda: _statuses(page, short) == {403}, timeout_s=60, what="the end of the short pass")


def test_a_password_is_asked_for_and_opens(driver: Driver, videos: tuple[Json, Json], page: "Page") -> None:
    asset = videos[1]
    vidctl(driver, "assets", "update", asset["id"], "--password", "open sesame")
    page.goto(asset["urls"]["watch"])
    wait_until(lambda: page.locator(".vc-cover-question input").is_visible(), what="the question")
    page.fill(".vc-cover-question input", "open barley")
    page.keyboard.press("Enter")
    wait_until(lambda: "not the video" in page.inner_text(".vc-cover-note"), what="the word that it is wrong")
    page.fill(".vc-cover-question input", "open sesame")
    page.keyboard.press("Enter")
    wait_for_data(page, "asset", "ready")
    assert _statuses(page, _handle(page)) == {200}
    vidctl(driver, "assets", "update", asset["id"], "--policy", "signed")
