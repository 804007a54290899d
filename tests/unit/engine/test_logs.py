"""Log lines: one JSON object each, with the ids at hand."""

import json
import logging

import pytest

from vidcompute import logs


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_lines_are_json_with_the_ids_of_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    with logs.bound(request_id="req_1"), logs.bound(job_id="job_1"):
        logs.get("x").info("began", stage="encode", duration_ms=5)
    logs.get("x").debug("not shown")
    logs.get("x").info("after")
    first, second = lines(capsys.readouterr().err)
    wanted = {"event": "began", "level": "info", "module": "x", "request_id": "req_1", "job_id": "job_1"}
    assert wanted.items() <= first.items()
    assert (first["stage"], first["duration_ms"]) == ("encode", 5)
    assert "request_id" not in second
    assert str(second["time"]).endswith("Z")


def test_libraries_log_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    with logs.bound(job_id="job_1"):
        logging.getLogger("lib").warning("odd %s", "thing")
    logging.getLogger("uvicorn.error").info("quiet")
    (line,) = lines(capsys.readouterr().err)
    assert (line["event"], line["level"], line["job_id"]) == ("odd thing", "warning", "job_1")


def test_errors_carry_their_traceback_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    try:
        raise ValueError("boom")
    except ValueError:
        logs.get("x").exception("broke")
    (line,) = lines(capsys.readouterr().err)
    assert "ValueError: boom" in str(line["exception"])


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "text")
    logs.get("x").warning("careful", number=3)
    assert "careful" in capsys.readouterr().err
