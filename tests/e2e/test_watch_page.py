"""The watch page in a real browser, against a server that says when each track can be delivered."""

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.e2e.fake_watch import AUDIO, PAGES, RUNGS, FakeWatch, caption, complete, make_stream, playable
from tests.e2e.watch_probe import read_probe, start_probe, texts_on_screen, wait_for_data, wait_for_time
from tests.fixtures.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Locator, Page

METER = "/test/silence-meter.js"
BOTTOM, *_, TOP = RUNGS
Start = Callable[..., FakeWatch]


@pytest.fixture(scope="module")
def stream(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (PAGES / "watch.html").is_file():
        raise RuntimeError("The pages are not built: run `npm ci && npm run build` in web/.")
    return make_stream(ffmpeg, tmp_path_factory.mktemp("stream"))


@pytest.fixture
def start(stream: Path) -> Generator[Start]:
    running: list[FakeWatch] = []

    def start_one(**options: Any) -> FakeWatch:
        running.append(FakeWatch(stream, **options))
        return running[-1]

    yield start_one
    for fake in running:
        fake.close()


@pytest.fixture
def complaints(page: "Page") -> list[str]:
    """What the browser complained of: exceptions, and whatever the content security policy refused."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    return heard


@pytest.mark.alone
@pytest.mark.parametrize("first_rung", [BOTTOM, TOP])
def test_plays_the_only_ready_rung_and_moves_up_without_a_stall(
    page: "Page", start: Start, complaints: list[str], first_rung: str
) -> None:
    fake = start()
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_data(page, "state", "preparing")
    fake.set(**playable(first_rung))
    wait_for_data(page, "state", "playing")
    start_probe(page, METER)
    wait_for_time(page, 6)
    assert {request.track for request in fake.requests} == {first_rung, AUDIO}
    assert page.locator("html").get_attribute("data-waiting") == str(len(RUNGS) - 1)

    fake.set(**complete())
    wait_for_data(page, "level", TOP)
    wait_for_data(page, "waiting", "0")
    wait_for_time(page, 15)

    measured = read_probe(page)
    assert measured.longest_standstill_ms <= 200
    assert measured.longest_silence_ms <= 60
    assert (measured.waits, measured.rewinds) == (0, 0)
    assert measured.tracks[-1] == TOP
    assert [request for request in fake.requests if request.status != 200] == []
    assert complaints == []


@pytest.mark.alone
def test_moves_up_after_segments_that_were_made_on_demand(page: "Page", start: Start) -> None:
    """Waiting for the maker must not count as the network's delay: hls.js alone moves up behind all it has."""
    fake = start(making_s=2.5, declared_times=4)
    fake.set(**playable(BOTTOM))
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_time(page, 5)
    start_probe(page)
    # While one segment is being made hls.js asks for no other: what it asks for next, it chooses after the change.
    making = wait_until(
        lambda: [key for key in fake.in_making if key.startswith(BOTTOM)], what="a segment in the making"
    )
    changed_at_s = time.monotonic()
    fake.set(**complete())
    wait_for_data(page, "level", TOP)
    wait_for_time(page, 14)
    assert read_probe(page).longest_standstill_ms <= 200
    after = fake.pictures_since(changed_at_s)
    assert {request.track for request in after} == {TOP}
    # The segment that was waited for is not waited for any longer, but asked for where it lies ready.
    assert after[0].number <= int(Path(making[0]).stem)


def test_a_held_segment_drops_no_level_and_playback_goes_on(page: "Page", start: Start, complaints: list[str]) -> None:
    fake = start(hold_s=1.0)
    fake.set(**playable(TOP))
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_data(page, "state", "playing")
    fake.set(ready_tracks=[AUDIO])
    page.evaluate("document.querySelector('video').currentTime = 50")
    wait_for_data(page, "state", "waiting")
    page.wait_for_function("() => performance.getEntriesByType('resource').some((e) => e.responseStatus === 503)")
    fake.set(**playable(TOP))
    wait_for_time(page, 52)
    assert {request.status for request in fake.segments_of(TOP)} == {200, 503}
    assert {request.track for request in fake.requests} == {TOP, AUDIO}


def test_begins_at_the_time_and_with_the_switches_of_the_query(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    page.goto(f"{fake.watch_url}?start=20&autoplay=1&muted=1&loop=1")
    wait_for_data(page, "state", "playing")
    video = page.evaluate(
        "(({ currentTime, muted, loop }) => ({ currentTime, muted, loop }))(document.querySelector('video'))"
    )
    assert video["currentTime"] >= 20
    assert video["muted"] is True
    assert video["loop"] is True
    assert "0.m4s" not in {request.name for request in fake.segments_of(TOP)}


def test_waits_for_a_click_without_autoplay_and_fetches_only_the_opening(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    page.goto(fake.watch_url)
    wait_for_data(page, "state", "paused")
    page.wait_for_function("() => document.querySelector('video').readyState >= 3")
    assert max(request.number for request in fake.segments_of(TOP)) <= 3
    page.locator("media-play-button.vc-big").click()
    wait_for_data(page, "state", "playing")


def test_the_keyboard_plays_seeks_and_explains_itself(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    page.goto(fake.watch_url)
    wait_for_data(page, "state", "paused")
    page.wait_for_function("() => document.querySelector('video').readyState >= 3")
    now = "document.querySelector('video').currentTime"
    page.keyboard.press("5")
    assert page.evaluate(now) == pytest.approx(30, abs=0.2)
    page.keyboard.press("l")
    assert page.evaluate(now) == pytest.approx(40, abs=0.2)
    page.keyboard.press(".")
    assert page.evaluate(now) == pytest.approx(40 + 1 / 24, abs=0.005)
    page.keyboard.press("j")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(now) == pytest.approx(25 + 1 / 24, abs=0.2)
    page.keyboard.press(">")
    assert page.evaluate("document.querySelector('video').playbackRate") == 1.25
    page.keyboard.press("m")
    assert page.evaluate("document.querySelector('video').muted") is True
    page.keyboard.press("?")
    page.locator("dialog.vc-help[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.vc-help:not([open])").wait_for(state="attached")
    page.keyboard.press("k")
    wait_for_data(page, "state", "playing")


def open_qualities(page: "Page", fake: FakeWatch) -> "Locator":
    """The entries of the quality menu, while one rendition is ready and plays."""
    fake.set(**playable("h264-360"))
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_data(page, "level", "h264-360")
    page.locator("media-settings-menu-button").click()
    page.get_by_role("menuitem", name="Quality").first.click()
    qualities = page.locator("vc-quality-menu").get_by_role("menuitemradio")
    expect(qualities.first).to_be_focused()  # a menu that has slid in takes the focus from whoever has it
    return qualities


def test_the_quality_menu_offers_what_is_ready_and_holds_a_choice(page: "Page", start: Start) -> None:
    fake = start()
    qualities = open_qualities(page, fake)
    assert [text.strip() for text in qualities.all_inner_texts()] == ["360p", "Auto (360p)"]
    page.get_by_text("more on the way", exact=True).wait_for()

    fake.set(**complete())
    page.locator("vc-quality-menu").get_by_text("240p", exact=True).click()
    wait_for_data(page, "level", "h264-240")
    wait_for_time(page, 12)
    assert page.locator("html").get_attribute("data-level") == "h264-240"


def test_a_menu_that_is_open_stays_open_with_its_focus_while_qualities_come(page: "Page", start: Start) -> None:
    fake = start()
    qualities = open_qualities(page, fake)
    automatic = qualities.filter(has_text="Auto")
    automatic.focus()
    fake.set(**complete())
    expect(qualities).to_have_count(4)
    expect(automatic).to_be_focused()
    expect(automatic).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    wait_for_data(page, "level", "h264-240")


def test_chapters_are_named_on_the_seek_bar_and_chosen_in_the_menu(
    page: "Page", start: Start, complaints: list[str]
) -> None:
    fake = start()
    chapters = [{"start_ms": 0, "title": "<b>Opening</b> & more"}, {"start_ms": 20_000, "title": ""}]
    fake.set(**complete(), chapters=chapters)
    page.goto(fake.watch_url)
    wait_for_data(page, "state", "paused")
    page.wait_for_function("() => document.querySelector('video').duration > 59")
    seek = page.locator("media-time-range").bounding_box()
    assert seek is not None
    page.mouse.move(seek["x"] + seek["width"] / 6, seek["y"] + seek["height"] / 2)
    page.locator("media-time-range[mediapreviewchapter]").wait_for()
    named = page.locator("media-preview-chapter-display")
    assert named.get_attribute("mediapreviewchapter") == "<b>Opening</b> & more"
    page.locator("media-settings-menu-button").click()
    page.get_by_role("menuitem", name="Chapters").first.click()
    items = page.locator("vc-chapter-menu").get_by_role("menuitemradio")
    assert [text.strip() for text in items.all_inner_texts()] == ["<b>Opening</b> & more", "Chapter 2"]
    assert items.first.get_attribute("aria-checked") == "true"
    items.nth(1).click()
    wait_for_time(page, 20)
    wait_until(lambda: items.nth(1).get_attribute("aria-checked") == "true", what="the chapter that was gone to")
    assert page.evaluate("document.querySelector('video').currentTime") < 21
    assert complaints == []


def test_a_video_without_chapters_has_no_menu_of_them(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    page.goto(fake.watch_url)
    wait_for_data(page, "state", "paused")
    page.locator("media-settings-menu-button").click()
    page.get_by_role("menuitem", name="Speed").first.wait_for()
    assert not page.get_by_role("menuitem", name="Chapters").first.is_visible()


@pytest.mark.alone
def test_captions_come_are_called_otherwise_and_go_while_it_plays(
    page: "Page", start: Start, complaints: list[str]
) -> None:
    fake = start(texts={"track_de": "WEBVTT\n\n00:00.000 --> 01:00.000\nerste Worte\n"})
    fake.set(**complete())
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_time(page, 2)
    button = page.locator("media-captions-button")
    assert not button.is_visible()
    start_probe(page)
    fake.set(captions=[caption("track_de", "de", "Deutsch")])
    button.wait_for(state="visible")
    assert texts_on_screen(page) == []
    page.keyboard.press("c")
    wait_until(lambda: texts_on_screen(page) == ["de: erste Worte"], what="the text on screen")
    fake.set(captions=[caption("track_de", "de", "Deutsch, neu")])
    page.wait_for_function("() => document.querySelector('video track')?.label === 'Deutsch, neu'")
    wait_until(lambda: texts_on_screen(page) == ["de: erste Worte"], what="what was turned on, still")
    fake.set(captions=[])
    button.wait_for(state="hidden")
    assert texts_on_screen(page) == []
    measured = read_probe(page)
    assert measured.longest_standstill_ms <= 200
    assert (measured.waits, measured.rewinds) == (0, 0)
    assert complaints == []


def test_the_picture_leaves_the_page_by_its_button_and_comes_back_by_key(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    page.add_init_script("""
        window.pipAsked = [];
        const request = HTMLVideoElement.prototype.requestPictureInPicture;
        HTMLVideoElement.prototype.requestPictureInPicture = function () {
            window.pipAsked.push(this.currentSrc);
            return request.call(this);
        };
    """)
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_data(page, "state", "playing")
    page.get_by_role("button", name="picture in picture").click()
    page.wait_for_function("() => document.pictureInPictureElement !== null")
    assert page.evaluate("document.pictureInPictureElement === document.querySelector('video')")
    assert len(page.evaluate("window.pipAsked")) == 1
    page.keyboard.press("p")
    page.wait_for_function("() => document.pictureInPictureElement === null")


def test_pictures_of_the_storyboard_follow_the_pointer(page: "Page", start: Start, complaints: list[str]) -> None:
    fake = start()
    fake.set(**complete())
    page.goto(fake.watch_url)
    page.locator("[data-storyboard='15']").wait_for()
    page.wait_for_function("() => document.querySelector('video').duration > 59")
    bar = page.locator("media-time-range").bounding_box()
    assert bar is not None
    page.mouse.move(bar["x"] + bar["width"] * 0.5, bar["y"] + bar["height"] / 2)
    page.locator("media-time-range[mediapreviewimage]").wait_for()
    seen = page.locator("media-time-range")
    assert str(seen.get_attribute("mediapreviewimage")).endswith("storyboard-0.jpg#xywh=480,90,160,90")
    assert complaints == []


def test_says_why_a_video_failed_and_that_one_does_not_exist(page: "Page", start: Start) -> None:
    fake = start()
    page.goto(fake.watch_url)
    wait_for_data(page, "state", "preparing")
    fake.set(status="errored", error={"code": "no_streams", "detail": "There is <b>nothing</b> in it."})
    wait_for_data(page, "state", "errored")
    page.get_by_text("There is <b>nothing</b> in it.", exact=True).wait_for()
    page.get_by_text("no_streams", exact=True).wait_for()
    page.route("**/state", lambda route: route.fulfill(status=404))
    page.route("**/events", lambda route: route.fulfill(status=404))
    page.reload()
    wait_for_data(page, "state", "missing")
    page.get_by_text("No video here").wait_for()


def test_shows_how_far_the_preparation_is(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(progress={"fraction": 0.42, "eta_s": 20, "speed": 1.5}, poster_url="/image/pb_demo/thumbnail.jpg")
    page.goto(fake.watch_url)
    page.locator("[role=progressbar][aria-valuenow='42']").wait_for()
    page.get_by_text("42 % · about 20 seconds left").wait_for()
    fake.set(progress={"fraction": 0.8, "eta_s": 7, "speed": 1.5})
    page.locator("[role=progressbar][aria-valuenow='80']").wait_for()


def _embedding(page: "Page", fake: FakeWatch, query: str = "") -> "FrameLocator":
    page.route(
        "**/outer",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<iframe width="320" height="180" allow="autoplay" src="{fake.embed_url}{query}"></iframe>'
            "<script>window.heard = []; onmessage = (event) => heard.push(event.data);</script>",
        ),
    )
    page.goto(f"{fake.url}/outer")
    return page.frame_locator("iframe")


def test_shares_a_link_with_a_time_and_the_code_to_embed(page: "Page", start: Start, complaints: list[str]) -> None:
    fake = start()
    fake.set(**complete())
    page.goto(f"{fake.watch_url}?start=20")
    wait_for_time(page, 20)
    page.get_by_role("button", name="Share").click()
    page.get_by_label("Start at").check()
    assert page.get_by_label("Link").input_value() == f"{fake.watch_url}?start=20"
    assert f'src="{fake.embed_url}"' in page.get_by_label("Embed").input_value()
    page.locator("#share").get_by_role("button", name="Close").click()
    page.locator("#share:not([open])").wait_for(state="attached")
    assert complaints == []


def test_an_embedding_page_controls_the_player_and_hears_of_it(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    frame = _embedding(page, fake)
    page.wait_for_function("() => heard.some((message) => message.vidcompute === 'ready')")
    frame.locator("html[data-place='embed'][data-state='paused']").wait_for(state="attached")
    send = "(message) => document.querySelector('iframe').contentWindow.postMessage(message, '*')"
    page.evaluate(send, {"vidcompute": "listen"})
    page.evaluate(send, {"vidcompute": "seek", "time": 30})
    page.evaluate(send, {"vidcompute": "play"})
    page.wait_for_function("() => heard.some(({ event, time }) => event === 'timeupdate' && time > 30.5)")
    page.evaluate(send, {"vidcompute": "pause"})
    page.wait_for_function("() => heard.some(({ event, paused }) => event === 'pause' && paused)")


def test_a_small_embed_loads_no_more_picture_than_it_shows(page: "Page", start: Start) -> None:
    fake = start()
    fake.set(**complete())
    frame = _embedding(page, fake, "?autoplay=1&muted=1")
    frame.locator("html[data-state='playing']").wait_for(state="attached")
    frame.locator("html[data-level='h264-240']").wait_for(state="attached")
    assert fake.segments_of(TOP) == []


def test_the_page_comes_back_when_its_connection_broke(page: "Page", start: Start) -> None:
    fake = start()
    page.route("**/events", lambda route: route.abort())
    page.goto(f"{fake.watch_url}?autoplay=1")
    wait_for_data(page, "connection", "lost")
    page.unroute("**/events")
    fake.set(**playable(TOP))
    wait_for_data(page, "connection", "open")
    wait_for_data(page, "state", "playing")
