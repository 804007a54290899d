"""Captions and subtitles as people bring them: read whatever they look like, and written as sound WebVTT."""

import re
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vidcompute.errors import VidComputeError
from vidcompute.media import webvtt
from vidcompute.media.webvtt import Cue

VTT = """WEBVTT - a title
Kind: captions

STYLE
::cue { background: url(https://example.com/spy) }

REGION
id:one

NOTE nobody reads this

first
00:01.000 --> 00:04.000 align:start region:one line:0% onclick:alert(1)
<v Ann>Good <b>morning</b>
all together

1:00:00.500 --> 1:00:02.000
later
"""
SRT = """1
00:00:01,000 --> 00:00:02,500 X1:10 X2:20
{\\an8}<font color="#fff"><I>Good</I></font> morning

with a line of its own

2
00:00:03,000 --> 00:00:04,000
Second
3
00:00:05,000 --> 00:00:06,000
Third
"""
HOUR_MS = 3_600_000


def code(data: bytes) -> tuple[str, str]:
    """Why this is refused, and in which words."""
    with pytest.raises(VidComputeError) as caught:
        webvtt.read(data)
    return caught.value.code, caught.value.detail


def read_or_refused(data: bytes) -> tuple[Cue, ...] | None:
    """The cues; None where they are refused, for a reason that texts have."""
    try:
        return webvtt.read(data)
    except VidComputeError as error:
        if error.code.startswith("text_track_"):
            return None
        raise


def only(text: str) -> str:
    """The text of the one cue that has this text in a WebVTT file."""
    (cue,) = webvtt.read(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n".encode())
    return cue.text


def test_webvtt_is_read_without_what_only_looks_like_something() -> None:
    assert webvtt.read(VTT.encode()) == (
        Cue(1000, 4000, "<v Ann>Good <b>morning</b>\nall together", "align:start line:0%"),
        Cue(HOUR_MS + 500, HOUR_MS + 2000, "later"),
    )


def test_subrip_is_read_with_its_own_marks_and_lines() -> None:
    assert webvtt.read(SRT.encode()) == (
        Cue(1000, 2500, "<i>Good</i> morning\nwith a line of its own"),
        Cue(3000, 4000, "Second"),
        Cue(5000, 6000, "Third"),
    )


def test_what_is_written_is_webvtt() -> None:
    assert webvtt.write([Cue(1000, 4000, "a\nb", "line:0%"), Cue(25 * HOUR_MS, 25 * HOUR_MS + 1, "c")]) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:04.000 line:0%\na\nb\n\n25:00:00.000 --> 25:00:00.001\nc\n"
    )


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [VTT, SRT], ids=["webvtt", "subrip"])
def test_line_ends_and_byte_order_marks_make_no_difference(text: str, ends: str, encoding: str) -> None:
    assert webvtt.read(text.replace("\n", ends).encode(encoding)) == webvtt.read(text.encode())


@pytest.mark.parametrize(
    ("written", "times"),
    [
        ("00:01.000 --> 00:02.000", (1000, 2000)),
        ("00:00:01,5 --> 0:0:2.25", (1500, 2250)),
        ("  00:01.000-->00:02.000  ", (1000, 2000)),
        ("00:01.000\t-->\t00:02.000\tline:1", (1000, 2000)),
        ("23:59:59.999 --> 24:00:00.000", (86_399_999, 86_400_000)),
    ],
)
def test_times_are_read_as_people_write_them(written: str, times: tuple[int, int]) -> None:
    (cue,) = webvtt.read(f"WEBVTT\n\n{written}\nx".encode())
    assert (cue.start_ms, cue.end_ms) == times


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("<b onclick='x'>a</b>", "<b onclick='x'>a</b>"),  # WebVTT's own tags take no attributes: that is an annotation
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("&amp; &lt; &nbsp; &#60; &copy;", "&amp; &lt; &nbsp; &amp;#60; &amp;copy;"),
        ("<c.loud.red>a</c> <00:00:01.500>b", "<c.loud.red>a</c> <00:00:01.500>b"),
        ("<v Ann <script>>", "&lt;v Ann &lt;script&gt;&gt;"),
        ("<lang de>ja</lang><ruby>a<rt>b</rt></ruby>", "<lang de>ja</lang><ruby>a<rt>b</rt></ruby>"),
        ("a\x00b\x1b[31mc\x7f\x85", "ab[31mc"),
        ("a\tb", "a b"),
    ],
)
def test_markup_that_is_not_webvtts_is_text(said: str, shown: str) -> None:
    assert only(said) == shown


def test_markup_in_subrip_is_text_but_for_its_own() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n<B>a</B> <script>b</script> <v Ann>c {\\i1}d{ e } & f"
    (cue,) = webvtt.read(text.encode())
    assert cue.text == "<b>a</b> &lt;script&gt;b&lt;/script&gt; &lt;v Ann&gt;c d{ e } &amp; f"


def test_cues_come_in_order_and_may_overlap() -> None:
    text = "WEBVTT\n\n00:05.000 --> 00:09.000\nc\n\n00:01.000 --> 00:09.000\nb\n\n00:01.000 --> 00:08.000\na\n"
    assert [cue.text for cue in webvtt.read(text.encode())] == ["a", "b", "c"]


def test_what_is_never_shown_is_left_out() -> None:
    text = "WEBVTT\n\n00:02.000 --> 00:02.000\na\n\n00:03.000 --> 00:01.000\nb\n\n00:01.000 --> 00:02.000\n \n\n"
    assert code(text.encode())[0] == "text_track_empty"
    assert [cue.text for cue in webvtt.read(f"{text}00:01.000 --> 00:02.000\nc".encode())] == ["c"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "text_track_unknown"),
        (b"just words\nin lines", "text_track_unknown"),
        (b"a --> b", "text_track_unknown"),
        (b"WEBVTTX\n\n", "text_track_unknown"),
        (b"\x00\x00\x00\x20ftypisom", "text_track_unknown"),
        (b"WEBVTT", "text_track_empty"),
        (b"WEBVTT\n\nNOTE nothing\n", "text_track_empty"),
        ("1\n00:00:01,000 --> 00:00:02,000\nGrüße".encode("latin-1"), "text_track_encoding"),
        (b"\xff\xfeW", "text_track_encoding"),
        (b"WEBVTT\n\n00:61.000 --> 00:62.000\na", "text_track_invalid"),
        (b"WEBVTT\n\n00:01.000 --> soon\na", "text_track_invalid"),
        (b"WEBVTT\n\n-00:01.000 --> 00:02.000\na", "text_track_invalid"),
        (b"WEBVTT\n\n00:01.000 --> 24:00:00.001\na", "text_track_invalid"),
        (b"WEBVTT\n\n00:01.000 --> 9999:00:00.000\na", "text_track_invalid"),
    ],
)
def test_what_can_not_be_read_is_refused_by_a_code(data: bytes, why: str) -> None:
    assert code(data)[0] == why


def test_a_refusal_says_which_line() -> None:
    assert "Line 8 " in code(SRT.replace("00:00:03,000", "three").encode())[1]
    assert "Line 13 " in code(VTT.replace("00:01.000", "one").encode())[1]


def test_a_hundred_thousand_cues_are_read_and_cut() -> None:
    count = 100_000
    cues = "\n".join(str(Cue(n * 100, n * 100 + 50, "x")) for n in range(count))
    found = webvtt.read(f"WEBVTT\n\n{cues}".encode())
    assert len(found) == count
    assert webvtt.segment(found, 4000, 8000).count(" --> ") == 40
    assert webvtt.rates(found).average_bps > 0


@pytest.mark.parametrize(
    "piece", ["<font " * 20_000, "{\\" * 40_000, "<v " * 30_000, "<c" + ".a" * 40_000, "&" * 90_000]
)
def test_what_never_ends_takes_no_longer_than_other_texts(piece: str) -> None:
    (cue,) = webvtt.read(f"1\n00:00:01,000 --> 00:00:02,000\n{piece}".encode())
    assert cue.text
    assert only(piece)


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=6).map("\n".join)
times = st.integers(0, webvtt.LATEST_MS)
lines = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["", "WEBVTT", "NOTE x", "7", "<b>x</b>", "00:01.000 --> 00:02.000 line:1", "00:00:01,0 --> 00:00:09,0"]
    ),
    st.builds(lambda a, b: f"{a}-->{b}", st.text(max_size=5), st.text(max_size=5)),
)


@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.lists(lines, max_size=20).map(lambda them: "\n".join(them).encode("utf-8", "replace")),
    )
)
def test_anything_is_read_or_refused_and_what_is_read_is_written_once_and_for_all(data: bytes) -> None:
    cues = read_or_refused(data)
    if cues is None:
        return
    text = webvtt.write(cues)
    assert webvtt.read(text.encode()) == cues
    assert_sound(text, cues)


@given(starts=st.lists(st.tuples(times, times, texts), min_size=1, max_size=8), is_srt=st.booleans())
@example(starts=[(0, 1, "<v x--\n>")], is_srt=False)
@example(starts=[(0, 1, "--<font x>>")], is_srt=True)
def test_no_text_breaks_out_of_its_cue(starts: list[tuple[int, int, str]], is_srt: bool) -> None:
    body = "".join(
        f"1\n{webvtt._clock(a)} --> {webvtt._clock(b)}\n{text.replace('-->', '')}\n\n" for a, b, text in starts
    )
    cues = read_or_refused(("" if is_srt else "WEBVTT\n\n").encode() + body.encode())
    if cues is not None:
        assert_sound(webvtt.write(cues), cues)


def assert_sound(text: str, cues: tuple[Cue, ...]) -> None:
    """A file in which there is nothing but cues, in order, and no markup but WebVTT's."""
    blocks = text.split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert len(blocks) == len(cues) + 1
    assert [cue.start_ms for cue in cues] == sorted(cue.start_ms for cue in cues)
    for block in blocks[1:]:
        timing, *said = block.strip("\n").split("\n")
        assert re.fullmatch(r"\d{2,}:\d\d:\d\d\.\d{3} --> \d{2,}:\d\d:\d\d\.\d{3}( \S+)*", timing)
        assert said
        for line in said:
            assert line.strip()
            assert "-->" not in line
            plain = re.sub(
                r"</?(b|i|u|c|v|lang|ruby|rt)[. \t][^<>&]*>|</?(b|i|u|c|v|lang|ruby|rt)>|<[\d:.]+>", "", line
            )
            assert not set("<>") & set(plain), line


@given(
    starts=st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 30_000)), min_size=1, max_size=30), data=st.data()
)
def test_segments_hold_every_cue_as_long_as_it_is_shown(starts: list[tuple[int, int]], data: st.DataObject) -> None:
    cues = tuple(sorted((Cue(a, a + n, f"{a} {n}") for a, n in starts), key=lambda cue: (cue.start_ms, cue.end_ms)))
    inner = data.draw(st.lists(st.integers(1, 89_999), unique=True, max_size=20))
    edges = [0, *sorted(inner), 90_000]
    for start_ms, end_ms in pairwise(edges):
        text = webvtt.segment(cues, start_ms, end_ms)
        assert text.startswith("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n")
        found = webvtt.read_segment(text.encode())
        assert (found.has_header, found.shift_ms) == (True, Fraction(0))
        assert set(found.cues) == {cue for cue in cues if cue.start_ms < end_ms and cue.end_ms > start_ms}


def test_rates_are_those_of_the_fullest_segment_and_of_all() -> None:
    one = Cue(0, 1000, "x" * 1000)
    few = webvtt.rates([one, Cue(36_000, 40_000, "y")])
    assert 2000 < few.peak_bps < 2400
    assert 200 < few.average_bps < 500
    long = webvtt.rates([Cue(0, 40_000, "x" * 1000)])
    assert long.peak_bps == long.average_bps
    assert 2000 < long.peak_bps < 2400


@pytest.mark.parametrize(
    ("head", "shift_ms"),
    [
        ("WEBVTT", 0),
        ("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000", 10_000),
        ("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:10.000", -10_000),
        ("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:soon,MPEGTS:0", None),
        ("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000", None),
        ("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:-1", None),
    ],
)
def test_the_map_of_a_segment_is_read(head: str, shift_ms: int | None) -> None:
    found = webvtt.read_segment(f"{head}\n\n00:01.000 --> 00:02.000\nx".encode())
    assert (found.has_header, found.shift_ms, len(found.cues)) == (True, shift_ms, 1)
