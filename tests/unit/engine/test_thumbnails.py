"""Pictures that are made when their address is asked for, and the folder that keeps them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.facts import source_facts, video_facts
from vidcompute.errors import VidComputeError
from vidcompute.ports.executor import Call
from vidcompute.services.playback import Thumbnails, Wanted
from vidcompute.services.playback.presentation import Presentation


class Hands:
    """Makes each picture that is called for at once; notes what was asked for."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def call(self, call: Call) -> AsyncIterator[Any]:
        self.calls.append(call)
        folder = Path(call.output)
        folder.mkdir()
        (folder / "thumbnail.jpg").write_bytes(b"picture")
        told: tuple[Any, ...] = ()
        for item in told:
            yield item


def view(frames: int, poster_ms: int | None = None) -> Presentation:
    """An asset of which a source is there, and perhaps a poster."""
    artifacts = {"probe": SimpleNamespace(facts={})}
    if poster_ms is not None:
        artifacts["poster"] = SimpleNamespace(facts={"time_ms": poster_ms})
    asset = SimpleNamespace(playback_id="x", poster_time_ms=None)
    snapshot = SimpleNamespace(asset=asset, source=SimpleNamespace(digest="d"), artifacts=artifacts)
    return Presentation(cast(Any, snapshot), source_facts(video_facts(frames=frames)), None)


def thumbnails(hands: Hands, folder: Path) -> Thumbnails:
    return Thumbnails(cast(Any, hands), folder, at_once=1, cache_bytes=2**20)


@pytest.mark.parametrize(("frames", "poster_ms", "time_s"), [(300, None, 2.0), (30, None, 0.5), (300, 4500, 4.5)])
async def test_where_no_time_is_said_it_is_the_posters_or_where_one_is_usually_taken(
    tmp_path: Path, frames: int, poster_ms: int | None, time_s: float
) -> None:
    hands = Hands()
    wanted = Wanted(None, 320, None, "preserve", "jpeg")
    data = await thumbnails(hands, tmp_path).picture(view(frames, poster_ms), tmp_path, wanted)
    assert data == b"picture"
    assert [call.options["time_s"] for call in hands.calls] == [time_s]


async def test_what_a_killed_server_left_half_made_goes_and_its_pictures_stay(tmp_path: Path) -> None:
    hands = Hands()
    wanted = Wanted(1.0, 320, None, "preserve", "jpeg")
    await thumbnails(hands, tmp_path).picture(view(300), tmp_path, wanted)
    (kept,) = tmp_path.iterdir()
    left = tmp_path / "thumb_left"
    left.mkdir()
    (left / "thumbnail.jpg").write_bytes(b"half")
    again = thumbnails(hands, tmp_path)
    assert list(tmp_path.iterdir()) == [kept]
    assert await again.picture(view(300), tmp_path, wanted) == b"picture"
    assert len(hands.calls) == 1


async def test_who_asks_for_more_pictures_than_can_be_made_is_told_to_ask_again(tmp_path: Path) -> None:
    hands = Hands()
    made = thumbnails(hands, tmp_path)
    shown = view(9000)
    asked = [made.picture(shown, tmp_path, Wanted(at / 10, 320, None, "preserve", "jpeg")) for at in range(40)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, VidComputeError)]
    assert {error.code for error in refused} == {"pictures_busy"}
    assert len(refused) == 40 - len(hands.calls) == 23
    assert await made.picture(shown, tmp_path, Wanted(3.9, 320, None, "preserve", "jpeg")) == b"picture"


async def test_those_who_asked_get_their_picture_though_there_is_no_room_to_keep_it(tmp_path: Path) -> None:
    made = Thumbnails(cast(Any, Hands()), tmp_path, at_once=4, cache_bytes=0)
    asked = [made.picture(view(300), tmp_path, Wanted(at, 320, None, "preserve", "jpeg")) for at in (1.0, 2.0, 3.0)]
    assert await asyncio.gather(*asked) == [b"picture"] * 3
    assert len(list(tmp_path.iterdir())) == 1


async def test_those_who_make_room_at_one_time_are_not_in_each_others_way(tmp_path: Path) -> None:
    for number in range(500):
        (tmp_path / f"old-{number}.jpg").write_bytes(b"picture")
    made = Thumbnails(cast(Any, Hands()), tmp_path, at_once=8, cache_bytes=0)
    asked = [made.picture(view(300), tmp_path, Wanted(at, 320, None, "preserve", "jpeg")) for at in range(8)]
    assert await asyncio.gather(*asked) == [b"picture"] * 8
