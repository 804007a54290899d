"""Texts in sources: found by the probe, taken out as WebVTT at the right times, and none that is no text."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork
from vidcompute.media import webvtt
from vidcompute.media.facts import SourceFacts, TextFacts
from vidcompute.media.probe import probe
from vidcompute.media.webvtt import Cue
from vidcompute.pipeline.stages.texts import SourceText, Texts

SRT = "1\n00:00:00,500 --> 00:00:01,000\nHello <b>there</b>\n\n2\n00:00:01,200 --> 00:00:01,900\n2 > 1\n"
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:01.00,Default,,0,0,0,,{\\pos(10,10)\\c&H0000FF&}Guten\\NTag
"""


@dataclass
class Work(LocalWork):
    """With an ffmpeg."""

    program: str = ""

    @property
    def ffmpeg(self) -> Path:
        return Path(self.program)


class Maker:
    """Files with texts in them, and what the stage makes of those."""

    def __init__(self, ffmpeg: str, clip: Path, folder: Path) -> None:
        self.ffmpeg = ffmpeg
        self.clip = clip
        self.folder = folder

    def __call__(self, suffix: str, *arguments: str, texts: tuple[str, ...] = (SRT,)) -> Path:
        """The clip with these texts, and these arguments of ffmpeg for its outputs."""
        inputs = ["-i", str(self.clip)]
        for number, text in enumerate(texts):
            words = self.folder / f"words-{number}.{'ass' if text is ASS else 'srt'}"
            words.write_text(text)
            inputs += ["-i", str(words)]
        maps = [part for number in range(len(texts) + 1) for part in ("-map", str(number))]
        target = self.folder / f"clip{suffix}"
        command = [self.ffmpeg, "-v", "error", "-y", *inputs, *maps, "-c", "copy", *arguments, str(target)]
        subprocess.run(command, check=True, timeout=60)
        return target

    def taken(self, source: Path, facts: SourceFacts | None = None) -> tuple[dict[str, Any], Work]:
        """What the stage returns for a file, and where it worked."""
        found = facts or probe(source)
        streams = tuple(SourceText(t.index, t.language, t.title, t.forced, t.captions) for t in found.texts)
        work = Work(source, self.folder / "work", program=self.ffmpeg)
        return Texts(found.container, round(1000 * found.start), streams).run(work), work


@pytest.fixture
def make(ffmpeg: str, clip: ClipMaker, tmp_path: Path) -> Maker:
    return Maker(ffmpeg, clip("h264_aac_96p30_2s"), tmp_path)


def cues(work: Work, name: str = "0.vtt") -> tuple[Cue, ...]:
    return webvtt.read((work.output / name).read_bytes())


@pytest.mark.parametrize(
    ("suffix", "codec", "called"),
    [(".mkv", "srt", "subrip"), (".mp4", "mov_text", "mov_text"), (".mkv", "webvtt", "webvtt"), (".mkv", "ass", "ass")],
)
def test_texts_of_every_kind_are_taken_out(make: Maker, suffix: str, codec: str, called: str) -> None:
    source = make(suffix, "-c:s", codec, "-metadata:s:s:0", "language=ger")
    (text,) = probe(source).texts
    assert (text.codec, text.language, text.title, text.forced) == (called, "de", "", False)
    made, work = make.taken(source)
    (told,) = made["texts"]
    assert (told["file"], told["language"], told["cues"], made["warnings"]) == ("0.vtt", "de", 2, [])
    assert told["size_bytes"] == (work.output / "0.vtt").stat().st_size
    first, second = cues(work)
    times = [first.start_ms, first.end_ms, second.start_ms, second.end_ms]
    assert times == pytest.approx([500, 1000, 1200, 1900], abs=2)
    assert "there" in first.text
    assert second.text == "2 &gt; 1"


def test_what_ass_has_beside_its_text_is_left_behind(make: Maker) -> None:
    _, work = make.taken(make(".mkv", "-c:s", "copy", texts=(ASS,)))
    assert [cue.text for cue in cues(work)] == ["Guten\nTag"]


def test_what_viewers_choose_by_comes_from_the_source(make: Maker) -> None:
    said = ["-metadata:s:s:0", "title=Signs", "-disposition:s:0", "forced"]
    said += ["-metadata:s:s:1", "language=eng", "-disposition:s:1", "hearing_impaired"]
    source = make(".mkv", "-c:s", "srt", *said, texts=(SRT, SRT))
    assert probe(source).texts == (
        TextFacts(2, "subrip", "und", "Signs", forced=True, captions=False),
        TextFacts(3, "subrip", "en", "", forced=False, captions=True),
    )
    made, _ = make.taken(source)
    assert [(one["file"], one["title"], one["forced"], one["captions"]) for one in made["texts"]] == [
        ("0.vtt", "Signs", True, False),
        ("1.vtt", "", False, True),
    ]


def test_times_are_those_of_the_outputs(make: Maker) -> None:
    source = make(".mkv", "-c:s", "srt", "-output_ts_offset", "7")
    facts = probe(source)
    assert facts.start == pytest.approx(7, abs=0.05)
    _, work = make.taken(source, facts)
    first, second = cues(work)
    assert [first.start_ms, second.end_ms] == pytest.approx([500, 1900], abs=50)


def test_a_text_that_can_not_be_had_is_left_out_and_hinders_no_other(make: Maker) -> None:
    source = make(".mkv", "-c:s", "srt")
    facts = probe(source)
    (text,) = facts.texts
    wrong = replace(facts, texts=(replace(text, index=0), text, replace(text, index=9)))
    made, work = make.taken(source, wrong)
    assert [one["index"] for one in made["texts"]] == [text.index]
    assert len(cues(work)) == 2
    assert len(made["warnings"]) == 2
    assert all("is left out" in line for line in made["warnings"])
