"""`vidctl tracks` against a server that is a function."""

import json
from pathlib import Path
from typing import Any

import httpx2

from tests.fixtures.vidctl import ASSET, answering, local, unused, vidctl
from vidcompute.cli.exit_codes import ExitCode

TRACK = "track_01kq3v8a4rj0t5w6x7y8z9abct"
PATH = f"/api/v1/assets/{ASSET}/tracks"


def track(**changes: Any) -> dict[str, Any]:
    made = {"id": TRACK, "kind": "subtitles", "language": "de", "name": "Deutsch", "default": True}
    rest = {"autoselect": True, "forced": False, "cues": 412, "end_ms": 598_000, "size_bytes": 24_816}
    return {**made, **rest, "url": "https://video.test/track.vtt", **changes}


def test_texts_are_listed_for_people_and_programs() -> None:
    parts = local(answering(**{f"GET {PATH}": {"items": [track(), track(default=False, kind="captions")]}}))
    first, second = (line.split("\t") for line in vidctl("tracks", "list", ASSET, parts=parts).stdout.splitlines())
    assert first == [TRACK, "de", "Deutsch", "subtitles", "default, autoselect", "412", "9:58", "24.8 kB"]
    assert second[3:5] == ["captions", "autoselect"]
    assert json.loads(vidctl("tracks", "list", ASSET, "--json", parts=parts).stdout)["items"][0]["id"] == TRACK


def test_a_file_is_sent_as_it_is_with_what_is_said_of_it(tmp_path: Path) -> None:
    asked: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(201, json=track())

    file = tmp_path / "film.de.srt"
    file.write_bytes(b"\xef\xbb\xbf1\r\n")
    parts = local(answering(**{f"POST {PATH}": take}))
    said = ("--language", "de", "--name", "Deutsch", "--kind", "captions", "--default", "--no-autoselect", "--forced")
    told = vidctl("tracks", "add", ASSET, str(file), *said, parts=parts)
    assert told.stdout == f"Deutsch (de) is {TRACK}, with 412 texts\n"
    assert vidctl("tracks", "add", ASSET, str(file), "-l", "de", parts=parts).exit_code == 0
    assert [request.content for request in asked] == [b"\xef\xbb\xbf1\r\n"] * 2
    flags = {"autoselect": "true", "default": "false", "forced": "false"}
    assert dict(asked[1].url.params) == {"language": "de", **flags}
    flags = {"autoselect": "false", "default": "true", "forced": "true"}
    assert dict(asked[0].url.params) == {"language": "de", "name": "Deutsch", "kind": "captions", **flags}


def test_a_text_is_changed_and_removed() -> None:
    asked: list[Any] = []

    def change(request: httpx2.Request) -> Any:
        asked.append(json.loads(request.content))
        return track(name="German")

    routes = {f"PATCH {PATH}/{TRACK}": change, f"DELETE {PATH}/{TRACK}": httpx2.Response(204)}
    parts = local(answering(**routes))
    told = vidctl("tracks", "update", ASSET, TRACK, "--name", "German", "--no-default", parts=parts)
    assert told.stdout == "German (de) is changed\n"
    assert asked == [{"name": "German", "default": False}]
    assert vidctl("tracks", "remove", ASSET, TRACK, parts=parts).stdout == f"{TRACK} removed\n"


def test_what_can_not_be_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    nothing = local(unused)
    missing = vidctl("tracks", "add", ASSET, str(tmp_path / "none.vtt"), "-l", "de", parts=nothing)
    assert missing.exit_code == ExitCode.NOT_FOUND
    assert vidctl("tracks", "remove", ASSET, "first", parts=nothing).exit_code == ExitCode.NOT_FOUND
    assert vidctl("tracks", "list", "mine", parts=nothing).exit_code == ExitCode.NOT_FOUND
    assert vidctl("tracks", "update", ASSET, TRACK, parts=nothing).exit_code == ExitCode.USAGE
    assert vidctl("tracks", "add", ASSET, "a.vtt", parts=nothing).exit_code == ExitCode.USAGE
