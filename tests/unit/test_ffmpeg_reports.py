"""What ffmpeg says: progress, and why it failed."""

import signal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.errors import Kind
from vidcompute.media.failures import failure, last_words
from vidcompute.media.progress import FfmpegProgress, ProgressParser

REPORT = b"""frame=25
fps=12.50
stream_0_0_q=28.0
bitrate= 123.4kbits/s
total_size=4096
out_time_us=1000000
out_time=00:00:01.000000
dup_frames=2
drop_frames=1
speed=1.75x
progress=continue
"""
EMPTY = b"frame=0\nfps=0.00\ntotal_size=N/A\nout_time_us=N/A\nspeed=N/A\nprogress=end\n"
PARSED = FfmpegProgress(25, 12.5, 1_000_000, 1.75, 4096, 2, 1, done=False)


def test_reports_are_read() -> None:
    first, second = ProgressParser().feed(REPORT + EMPTY)
    assert first == PARSED
    assert second == FfmpegProgress(0, 0.0, None, None, None, 0, 0, done=True)


@given(st.lists(st.integers(0, 3 * len(REPORT)), max_size=12))
def test_reports_are_read_however_they_are_cut(cuts: list[int]) -> None:
    stream, parser = REPORT * 3, ProgressParser()
    edges = [0, *sorted(cuts), len(stream)]
    reports = [r for a, b in pairwise(edges) for r in parser.feed(stream[a:b])]
    assert reports == [PARSED] * 3


@given(st.binary(max_size=400))
def test_nonsense_is_passed_over(data: bytes) -> None:
    parser = ProgressParser()
    list(parser.feed(data))
    *_, last = parser.feed(b"\n" + REPORT)
    assert last.frame == 25


def test_advance_tells_a_report_that_moves_from_one_that_repeats() -> None:
    one, two = ProgressParser().feed(REPORT + REPORT.replace(b"fps=12.50", b"fps=11.00"))
    assert one.advance == two.advance


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ""),
        (["", "  "], ""),
        (
            [
                "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55ed8d273980] [error] moov atom not found",
                "[in#0 @ 0x55ed8d273980] [error] Error opening input: Invalid data found when processing input",
                "[fatal] Error opening input files: Invalid data found when processing input",
            ],
            "moov atom not found",
        ),
        (
            ["[fatal] Error opening input files: Permission denied"],
            "Error opening input files: Permission denied",
        ),
        (
            ["[error] Could not read file:/data/orgs/org_1/sources/abc/clip.mp4: broken", "[warning] never mind"],
            "Could not read clip.mp4: broken",
        ),
        (["x265 [info]: fine", "plain words without levels"], "plain words without levels"),
        (["[error] " + "x" * 900], "x" * 300),
    ],
)
def test_last_words(lines: list[str], words: str) -> None:
    assert last_words(lines) == words


@given(st.lists(st.text(max_size=200), max_size=10))
def test_last_words_never_tell_of_folders(lines: list[str]) -> None:
    lines = [line.replace("/", "") for line in lines]
    told = last_words([*lines, "[error] cannot open /data/secret/place/file.mp4"])
    assert "secret" not in told


@pytest.mark.parametrize(
    ("returncode", "lines", "kind", "code"),
    [
        (1, ["[error] bad"], Kind.REFUSED, "ffmpeg_failed"),
        (-signal.SIGSEGV, [], Kind.REFUSED, "ffmpeg_crashed"),
        (-63, [], Kind.REFUSED, "ffmpeg_crashed"),
        (-signal.SIGKILL, [], Kind.INTERNAL, "process_killed"),
        (-signal.SIGTERM, [], Kind.CANCELLED, "cancelled"),
        (-signal.SIGXCPU, [], Kind.REFUSED, "cpu_limit"),
        (1, ["[error] x: Cannot allocate memory"], Kind.REFUSED, "memory_limit"),
        (1, ["[error] x: File too large"], Kind.REFUSED, "output_too_large"),
        (-signal.SIGABRT, ["x: No space left on device"], Kind.UNAVAILABLE, "storage_full"),
    ],
)
def test_ends_have_codes(returncode: int, lines: list[str], kind: Kind, code: str) -> None:
    error = failure(returncode, lines)
    assert (error.kind, error.code) == (kind, code)
    assert error.detail
