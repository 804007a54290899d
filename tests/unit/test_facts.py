"""Facts survive JSON, and say what follows from them."""

import json
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from vidcompute.media import facts
from vidcompute.media.facts import AudioFacts, ChapterFacts, FramePoint, SourceFacts, TextFacts, VideoFacts
from vidcompute.media.languages import bcp47

_TEXTS = st.text(max_size=12)
_COUNTS = st.integers(min_value=0, max_value=2**40)
_TIMES = st.integers(min_value=-(2**40), max_value=2**40)
_FRACTIONS = st.fractions(min_value=Fraction(1, 10**9), max_value=1000)
_POINTS = st.lists(st.builds(FramePoint, index=_COUNTS, pts=_TIMES), max_size=4).map(tuple)
_STATED = {int: _COUNTS, str: _TEXTS, bool: st.booleans(), Fraction: _FRACTIONS, tuple[FramePoint, ...]: _POINTS}
_VIDEO = st.builds(VideoFacts, **{k: _STATED[t] for k, t in VideoFacts.__annotations__.items()})
_AUDIO = st.builds(AudioFacts, **{k: _STATED[t] for k, t in AudioFacts.__annotations__.items()})
_TEXT = st.builds(TextFacts, **{k: _STATED[t] for k, t in TextFacts.__annotations__.items()})
_CHAPTER = st.builds(ChapterFacts, start_ms=_COUNTS, title=_TEXTS)
_SOURCES = st.builds(
    SourceFacts,
    container=_TEXTS,
    size_bytes=_COUNTS,
    duration_ms=_COUNTS,
    bitrate_bps=_COUNTS,
    video=st.none() | _VIDEO,
    audio=st.lists(_AUDIO, max_size=3).map(tuple),
    warnings=st.lists(_TEXTS, max_size=3).map(tuple),
    texts=st.lists(_TEXT, max_size=3).map(tuple),
    chapters=st.lists(_CHAPTER, max_size=3).map(tuple),
)


@given(_SOURCES)
def test_facts_survive_json(source: SourceFacts) -> None:
    assert facts.from_json(json.loads(json.dumps(facts.to_json(source)))) == source


def test_facts_of_older_probes_name_neither_texts_nor_chapters() -> None:
    older = facts.to_json(SourceFacts("mov", 1, 1, 1, None, ()))
    del older["texts"], older["chapters"]
    found = facts.from_json(older)
    assert (found.texts, found.chapters) == ((), ())


@given(_VIDEO)
def test_times_are_exact_seconds(video: VideoFacts) -> None:
    assert video.start + video.duration == video.end_pts * video.time_base


@given(_VIDEO, st.lists(_AUDIO, max_size=2))
def test_outputs_begin_with_the_first_picture_or_else_sound(video: VideoFacts, audio: list[AudioFacts]) -> None:
    assert SourceFacts("mov", 1, 1, 1, video, tuple(audio)).start == video.start
    if audio:
        assert SourceFacts("mov", 1, 1, 1, None, tuple(audio)).start == audio[0].start


def test_languages_are_written_the_short_way() -> None:
    written = {
        "ger": "de",
        "deu": "de",
        "eng": "en",
        "pt_br": "pt-BR",
        "zh-hant-tw": "zh-Hant-TW",
        "haw": "haw",
        "und": "und",
        "": "und",
        "English": "und",
        "```": "und",
        "\x00\x00\x00": "und",
    }
    assert {text: bcp47(text) for text in written} == written
    assert bcp47(None) == "und"


@given(st.text(max_size=30))
def test_languages_never_raise_and_stay_as_they_are(text: str) -> None:
    tag = bcp47(text)
    assert bcp47(tag) == tag
