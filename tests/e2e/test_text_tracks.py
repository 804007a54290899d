"""Captions and subtitles on the running platform: brought by a command, offered by every playlist, seen in Chromium."""

import json
import re
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

import pytest

from tests.e2e.driving import Driver, Json, running
from tests.e2e.numbered import picture, tone
from tests.e2e.streams import breaches
from tests.e2e.watch_probe import texts_on_screen, wait_for_data
from tests.fixtures.clips import ClipMaker
from tests.fixtures.command import vidctl as run_vidctl
from tests.fixtures.waiting import wait_until
from vidcompute.media.hls_check import check
from vidcompute.media.hls_check.parse import parse

if TYPE_CHECKING:
    from playwright.sync_api import Page

X264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-c:a", "aac"]
ENGLISH = (
    "WEBVTT\n\n00:00.000 --> 00:03.000\nfirst <b>words</b>\n\n00:03.500 --> 00:09.500\nlast <script>words</script>\n"
)
GERMAN = "1\r\n00:00:00,000 --> 00:00:09,000\r\nerste Worte\r\n"
DASH = "{urn:mpeg:dash:schema:mpd:2011}"


def vidctl(driver: Driver, *arguments: str) -> Any:
    """The document that a command prints."""
    return json.loads(run_vidctl(*arguments, "--json", data_dir=driver.server.data_dir))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    with running(tmp_path_factory.mktemp("texts") / "data") as made:
        yield made


@pytest.fixture(scope="module")
def source(clip: ClipMaker) -> Path:
    return clip("numbered-texts", [*picture("640x360", seconds="10"), *tone("10"), *X264])


@pytest.fixture(scope="module")
def captioned(driver: Driver, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """An asset that got its texts while its job was still at work, and is done."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "film.vtt").write_text(ENGLISH)
    (folder / "film.de.srt").write_text(GERMAN)
    job = driver.submit(source, title="Captioned", renditions=[{"height": 180}, {"height": 144}])
    asset = job["asset_id"]
    english = vidctl(driver, "tracks", "add", asset, str(folder / "film.vtt"), "-l", "en", "--name", "English")
    german = vidctl(driver, "tracks", "add", asset, str(folder / "film.de.srt"), "-l", "de", "--kind", "captions")
    playback_id = job["asset"]["playback_id"]
    wait_until(lambda: driver.get(f"/stream/{playback_id}.m3u8").status_code == 200, what="a playlist")
    assert {one.attributes["LANGUAGE"] for one in texts(driver, playback_id)} == {"en", "de"}
    return {**driver.done(job["id"])["asset"], "texts": [english, german]}


def shows(page: "Page", text: str) -> bool:
    return texts_on_screen(page) == [text]


def texts(driver: Driver, handle: str) -> list[Any]:
    """What the multivariant playlist says of texts."""
    master = parse(driver.bytes(f"/stream/{handle}.m3u8"))
    return [tag for tag in master.all("EXT-X-MEDIA") if tag.attributes["TYPE"] == "SUBTITLES"]


def test_a_stream_with_texts_keeps_every_rule(driver: Driver, captioned: Json) -> None:
    handle = captioned["playback_id"]
    assert breaches(driver, handle) == []
    url = f"{driver.server.url}/stream/{handle}.m3u8"
    report = check(url, driver.bytes)
    assert not [found for found in report.findings if found.rule.startswith(("webvtt", "subtitles", "forced"))]
    assert report.notes == ()
    assert [tag.attributes["NAME"] for tag in texts(driver, handle)] == ["English", "de"]
    pictures = parse(driver.bytes(f"/stream/{handle}/h264-180/index.m3u8"))
    listed = parse(driver.bytes(f"/stream/{handle}/{captioned['texts'][0]['id']}/index.m3u8"))
    assert [one.seconds for one in listed.segments] == [one.seconds for one in pictures.segments]


def test_each_segment_has_the_texts_of_its_time_as_text(driver: Driver, captioned: Json) -> None:
    folder = f"/stream/{captioned['playback_id']}/{captioned['texts'][0]['id']}"
    pieces = [driver.bytes(f"{folder}/{number}.vtt").decode() for number in range(3)]
    assert [re.findall(r"first|last", piece) for piece in pieces] == [["first"], ["first", "last"], ["last"]]
    assert all("last &lt;script&gt;words&lt;/script&gt;" in piece for piece in pieces[1:])
    assert driver.get(f"{folder}/3.vtt").status_code == 404


def test_dash_and_the_manifest_have_the_texts_too(driver: Driver, captioned: Json) -> None:
    root = Xml.fromstring(driver.bytes(f"/stream/{captioned['playback_id']}.mpd").decode())
    sets = [one for one in root.iter(f"{DASH}AdaptationSet") if one.get("contentType") == "text"]
    assert [one.get("lang") for one in sets] == ["en", "de"]
    for one, track in zip(sets, captioned["texts"], strict=True):
        address = one.findtext(f"{DASH}Representation/{DASH}BaseURL")
        assert driver.bytes(f"/stream/{address}") == driver.bytes(track["url"])
    told = json.loads(driver.bytes(f"/stream/{captioned['playback_id']}/manifest.json"))["tracks"]
    assert [one["title"] for one in told if one["kind"] == "text"] == ["English", "de"]


def test_texts_of_a_private_video_are_private(driver: Driver, captioned: Json) -> None:
    vidctl(driver, "assets", "update", captioned["id"], "--policy", "signed")
    track = captioned["texts"][0]
    names = [f"{track['id']}/{name}" for name in ("index.m3u8", "0.vtt", "track.vtt")]
    state = f"/watch/{captioned['playback_id']}/state"
    wait_until(lambda: driver.get(state).status_code == 403, what="a video that is private")
    assert [driver.get(f"/stream/{captioned['playback_id']}/{name}").status_code for name in names] == [403] * 3
    signed = driver.http.post(f"/api/v1/assets/{captioned['id']}/signed-links", json={}).json()["urls"]["stream"]
    handle = signed.rpartition("/")[2].removesuffix(".m3u8")
    for tag in texts(driver, handle):
        assert tag.attributes["URI"].startswith(f"{handle}/")
    answers = [driver.get(f"/stream/{handle}/{name}") for name in names]
    assert {(one.status_code, one.headers["cache-control"].partition(",")[0]) for one in answers} == {(200, "private")}
    assert breaches(driver, handle) == []
    vidctl(driver, "assets", "update", captioned["id"], "--policy", "public")
    wait_until(lambda: driver.get(state).status_code == 200, what="a video that is public")


def test_a_viewer_turns_captions_on_and_sees_what_is_said(driver: Driver, captioned: Json, page: "Page") -> None:
    page.goto(f"{driver.server.url}/watch/{captioned['playback_id']}?autoplay=1&muted=1&loop=1")
    wait_for_data(page, "state", "playing")
    button = page.locator("media-captions-button")
    wait_until(button.is_visible, what="the button for captions")
    assert texts_on_screen(page) == []
    page.keyboard.press("c")
    wait_until(lambda: texts_on_screen(page), what="a text on screen")
    page.evaluate("document.querySelector('video').pause()")
    for second, said in ((1, "first <b>words</b>"), (5, "last &lt;script&gt;words&lt;/script&gt;")):
        page.evaluate("(at) => { document.querySelector('video').currentTime = at }", second)
        wait_until(partial(shows, page, f"en: {said}"), what=said)
    page.keyboard.press("c")
    wait_until(lambda: texts_on_screen(page) == [], what="nothing on screen")


def test_texts_of_a_source_are_offered_with_their_languages(driver: Driver, clip: ClipMaker) -> None:
    file = clip.folder / "erste-worte.srt"
    file.write_text(GERMAN)
    words = ["-i", str(file), "-map", "0", "-map", "1", "-map", "2", "-c:s", "srt"]
    said = ["-metadata:s:s:0", "language=ger", "-disposition:s:0", "hearing_impaired"]
    source = clip("numbered-words", [*picture("320x180", seconds="6"), *tone("6"), *words, *said, *X264], suffix=".mkv")
    job = driver.done(driver.submit(source, outputs=["hls"], renditions=[{"height": 144}])["id"])
    assert [stage["status"] for stage in job["stages"] if stage["name"] == "texts"] == ["done"]
    handle = job["asset"]["playback_id"]
    (tag,) = texts(driver, handle)
    assert (tag.attributes["LANGUAGE"], tag.attributes["DEFAULT"]) == ("de", "NO")
    assert "transcribes-spoken-dialog" in tag.attributes["CHARACTERISTICS"]
    assert breaches(driver, handle) == []
    (track,) = driver.http.get(f"/api/v1/assets/{job['asset_id']}/tracks").json()["items"]
    assert "erste Worte" in driver.bytes(track["url"]).decode()
    vidctl(driver, "tracks", "remove", job["asset_id"], track["id"])
    assert texts(driver, handle) == []


def test_who_watches_is_offered_a_text_that_comes_and_no_more_when_it_is_taken_away(
    driver: Driver, source: Path, tmp_path: Path, page: "Page"
) -> None:
    job = driver.done(driver.submit(source, renditions=[{"height": 180}])["id"])
    asset, handle = job["asset_id"], job["asset"]["playback_id"]
    (tmp_path / "film.vtt").write_text(ENGLISH)
    page.goto(f"{driver.server.url}/watch/{handle}?autoplay=1&muted=1&loop=1")
    wait_for_data(page, "state", "playing")
    button = page.locator("media-captions-button")
    assert not button.is_visible()
    made = vidctl(driver, "tracks", "add", asset, str(tmp_path / "film.vtt"), "-l", "en", "--default")
    assert [tag.attributes["DEFAULT"] for tag in texts(driver, handle)] == ["YES"]
    wait_until(button.is_visible, what="the button for captions, without a reload")
    assert texts_on_screen(page) == [], "who watches already is shown nothing by itself"
    page.keyboard.press("c")
    wait_until(lambda: texts_on_screen(page), what="a text on screen")
    vidctl(driver, "tracks", "remove", asset, made["id"])
    assert texts(driver, handle) == []
    assert vidctl(driver, "tracks", "list", asset)["items"] == []
    wait_until(lambda: not button.is_visible() and texts_on_screen(page) == [], what="a page without texts")
    gone = f"/stream/{handle}/{made['id']}/track.vtt"
    wait_until(lambda: driver.get(gone).status_code == 404, what="the end of the text")
