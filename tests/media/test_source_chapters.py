"""Chapters in sources: found by the probe with their names and their times, whatever the container."""

from pathlib import Path

import pytest

from tests.fixtures.clips import ClipMaker
from vidcompute.media.facts import ChapterFacts
from vidcompute.media.probe import probe

PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=6"]
CODEC = ["-map", "0", "-map_metadata", "1", "-map_chapters", "1", "-c:v", "libx264", "-preset", "ultrafast"]


def _listed(*chapters: tuple[int, int, str]) -> str:
    parts = (f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={name}\n" for start, end, name in chapters)
    return ";FFMETADATA1\n" + "".join(parts)


def _made(clip: ClipMaker, name: str, listed: str, *options: str, suffix: str) -> Path:
    file = clip.folder / f"{name}.ffmeta"
    file.write_text(listed)
    return clip(name, [*options, *PICTURE, "-i", str(file), *CODEC], suffix=suffix)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_chapters_have_their_names_and_times(clip: ClipMaker, suffix: str) -> None:
    listed = _listed((0, 2000, "Opening <b>"), (2000, 4500, "שלום 🎬"), (4500, 6000, "End"))
    facts = probe(_made(clip, "chapters", listed, suffix=suffix))
    assert facts.chapters == (ChapterFacts(0, "Opening <b>"), ChapterFacts(2000, "שלום 🎬"), ChapterFacts(4500, "End"))


def test_one_alone_is_no_chapter_and_what_begins_after_the_end_is_none(clip: ClipMaker) -> None:
    assert probe(_made(clip, "one-chapter", _listed((0, 6000, "All of it")), suffix=".mkv")).chapters == ()
    listed = _listed((0, 3000, "x" * 300), (3000, 6000, ""), (9000, 9500, "Behind"))
    facts = probe(_made(clip, "odd-chapters", listed, suffix=".mkv"))
    assert facts.chapters == (ChapterFacts(0, "x" * 200), ChapterFacts(3000, ""))


def test_a_source_without_chapters_has_none(clip: ClipMaker) -> None:
    assert probe(clip("h264_aac_360p30_6s")).chapters == ()
