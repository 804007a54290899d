"""Nothing that comes out of the confined process is taken on trust."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.ports.executor import Progress
from vidcompute.runner.channel import LineReader, encode
from vidcompute.runner.publish import describe
from vidcompute.runner.relay import AttemptLog, progress_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("fraction", "frame", "fps", "media_time_ms", "speed"), JSON)))
def test_progress_is_sound_or_dropped(message: dict[str, Any]) -> None:
    progress = progress_of("att_1", message)
    if progress is not None:
        assert 0 <= progress.fraction <= 1
        assert all(n is None or isinstance(n, int) for n in (progress.frame, progress.media_time_ms))
        json.dumps([progress.fraction, progress.frame, progress.fps, progress.speed], allow_nan=False)


def test_progress_as_it_should_be() -> None:
    message = {"fraction": 0.5, "frame": 3, "fps": 25.0, "media_time_ms": 120, "speed": 2}
    assert progress_of("att_1", message) == Progress("att_1", 0.5, 3, 25.0, 120, 2)


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), max_size=6), st.integers(1, 40))
def test_messages_are_read_however_they_are_cut(messages: list[dict[str, int]], size: int) -> None:
    reader_fd, writer_fd = os.pipe()
    data = b"".join(encode(message) for message in messages)
    reader, got = LineReader(reader_fd), []
    for start in range(0, len(data), size):
        os.write(writer_fd, data[start : start + size])
        got += list(reader.read())
    os.close(writer_fd)
    assert list(reader.read()) == []
    assert reader.ended
    os.close(reader_fd)
    assert got == messages


@pytest.mark.parametrize("line", [b"nonsense\n", b"3\n", b"\xff\xfe\n", b"[1]\n"])
def test_what_is_no_message_is_an_error(line: bytes) -> None:
    reader_fd, writer_fd = os.pipe()
    os.write(writer_fd, line)
    os.close(writer_fd)
    with pytest.raises((ValueError, TypeError)):
        list(LineReader(reader_fd).read())
    os.close(reader_fd)


def test_a_log_is_bounded_and_one_line_stays_one(tmp_path: Path) -> None:
    sent: list[Any] = []
    log = AttemptLog(tmp_path / "log", "att_1", sent.append)
    log.add("info", "first\nforged")
    for _ in range(6000):
        log.add("info", "x" * 3000)
    log.close()
    assert sent[0] == {"event": "log", "attempt_id": "att_1", "level": "info", "message": "first forged"}
    assert 500 <= len(sent) < 5000
    size = (tmp_path / "log").stat().st_size
    assert 7 * 2**20 < size < 9 * 2**20
    assert "came too fast" in (tmp_path / "log").read_text().splitlines()[-1]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x1c", "\x85", "\u2028"])
def test_nothing_in_a_message_makes_another_line_of_a_log(tmp_path: Path, end: str) -> None:
    sent: list[Any] = []
    log = AttemptLog(tmp_path / "log", "att_1", sent.append)
    log.add("warning", f"first{end}2026-11-21T10:00:00Z error forged \ud800")
    log.close()
    told = sent[0]["message"]
    assert told == "first 2026-11-21T10:00:00Z error forged ?"
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.endswith(f"warning {told}")


def test_the_digest_tells_names_and_contents(tmp_path: Path) -> None:
    def tree(name: str, **files: str) -> Path:
        for path, text in files.items():
            (tmp_path / name / "in").mkdir(parents=True, exist_ok=True)
            (tmp_path / name / "in" / path).write_text(text)
        return tmp_path / name

    one = describe(tree("one", a="1", b="2"))
    assert one.size_bytes == 2
    assert describe(tree("two", b="2", a="1")) == one
    assert describe(tree("three", a="2", b="1")) != one
    assert describe(tree("four", a="12")).digest != one.digest
    (tmp_path / "one" / "in" / "link").symlink_to("a")
    with pytest.raises(Exception, match="output_not_plain"):
        describe(tmp_path / "one")
