"""The parts of the bench that decide what a figure says."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import __main__ as command
from bench import page, results, sources
from bench.machine import Machine
from bench.page import Seen
from bench.results import Figure, Report
from bench.run import Run

MACHINE = Machine(2, "a processor", 8.0, "Linux", "3.11", "9.0.2", 0.1)


@pytest.mark.parametrize(
    ("figure", "passed"),
    [
        (Figure("ratio", 1.1, "x", 1.1), True),
        (Figure("ratio", 1.11, "x", 1.1), False),
        (Figure("speed", 0.25, "x", 0.25, at_least=True), True),
        (Figure("speed", 0.24, "x", 0.25, at_least=True), False),
        (Figure("rate", 3.0, "x"), None),
    ],
)
def test_a_figure_knows_whether_it_keeps_its_limit(figure: Figure, passed: bool | None) -> None:
    assert figure.passed is passed
    assert figure.to_json()["passed"] is passed


def test_the_table_has_a_row_for_each_kept_figure_of_the_last_run(tmp_path: Path) -> None:
    for value in (2.0, 1.5):
        report = Report("full_job", (Figure("CPU", value, "x", 1.6), Figure("wall", 3.0, "x")))
        document = report.to_json(command="python -m bench", date="2026-11-21T02:00:00", machine=MACHINE, quick=False)
        results.keep(document, tmp_path / "results")
    results.write_table(tmp_path / "results", tmp_path / "RESULTS.md")
    rows = [row for row in (tmp_path / "RESULTS.md").read_text().splitlines() if row.startswith("| full_job")]
    assert rows == [
        "| full_job: CPU | 1.5 x | at most 1.6 x | yes | `python -m bench` | 2026-11-21 | 2 cores, a processor |",
        "| full_job: wall | 3 x |  |  | `python -m bench` | 2026-11-21 | 2 cores, a processor |",
    ]


@given(
    size=st.integers(16, 400),
    piece=st.integers(1, 64),
    place=st.floats(0, 1),
)
def test_an_upload_changes_its_mark_and_nothing_else(size: int, piece: int, place: float) -> None:
    content, mark = bytes(range(200, 200 + 50)) * (size // 50 + 1), b"0123456789abcdef"
    content = content[:size]
    offset = round(place * (size - len(mark)))
    changed = b"".join(
        sources.marked(content[at : at + piece], at, offset, mark) for at in range(0, len(content), piece)
    )
    assert changed == content[:offset] + mark + content[offset + len(mark) :]


def test_what_was_over_before_the_move_does_not_count() -> None:
    seen = Seen(
        stalls=[{"at": 100.0, "ms": 900.0}, {"at": 4000.0, "ms": 50.0}],
        silences=[{"at": 1990.0, "ms": 30.0}],
        tracks=["h264-480"],
        moves_ms=[],
        complete_ms=5000.0,
        ended=False,
        heard=True,
    )
    assert seen.longest_stall_ms(0) == 900
    assert seen.longest_stall_ms(2000) == 50
    assert seen.longest_silence_ms(2000) == 30
    assert seen.longest_silence_ms(2021) == 0


def test_a_package_that_is_not_there_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_a_page(_: Run) -> Report:
        with page.watch_page():
            return Report("watching", (), {})

    monkeypatch.setitem(sys.modules, "playwright", None)
    monkeypatch.setattr(command, "BENCHMARKS", {"watching": open_a_page})
    monkeypatch.setattr(command, "Sources", lambda: sources.Sources(tmp_path))
    monkeypatch.setattr(command, "WORK", tmp_path)
    monkeypatch.setattr("bench.machine.look", lambda: MACHINE)
    monkeypatch.setattr(sys, "argv", ["bench", "watching", "--quick"])
    assert command.main() == 2
    told = capsys.readouterr().out
    assert "could not be carried through: the Python package playwright is not installed; run `make setup`" in told
