"""Contexts of spans: W3C traceparents, and ids that follow from what a span is of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.ports.tracing import begin, parse, within

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_span_is_in_the_trace_of_its_parent() -> None:
    context = begin(GIVEN, 0.0)
    trace, span, sampled = parse(context) or ("", "", False)
    assert (trace, sampled) == ("4bf92f3577b34da6a3ce929d0e0e4736", True)
    assert span != "00f067aa0ba902b7"
    assert begin(GIVEN.removesuffix("01") + "00", 1.0).endswith("-00")  # what the caller leaves out is left out


def test_a_share_of_new_traces_is_recorded() -> None:
    flags = [context[-1] for context in (begin(None, 0.5) for _ in range(400))]
    assert 100 < flags.count("1") < 300
    assert {begin("nonsense", 1.0)[-1] for _ in range(20)} == {"1"}
    assert len({begin(None, 1.0) for _ in range(20)}) == 20


def test_inner_ids_follow_from_what_they_are_of() -> None:
    assert within(GIVEN, "job_1") == within(GIVEN, "job_1")
    others = {within(GIVEN, "job_2"), within(within(GIVEN, "job_1"), "job_1"), within(begin(GIVEN, 1), "job_1")}
    assert len({within(GIVEN, "job_1"), *others}) == 4
    assert parse(within(GIVEN, "job_1")) is not None
    with pytest.raises(ValueError, match="traceparent"):
        within("x", "job_1")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        GIVEN.upper(),
        GIVEN.replace("00-", "ff-", 1),
        GIVEN[:-3],
        "00-" + 32 * "0" + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + 16 * "0" + "-01",
        f" {GIVEN}",
    ],
)
def test_what_is_no_traceparent_is_none(text: str | None) -> None:
    assert parse(text) is None


def test_later_versions_may_say_more() -> None:
    assert parse(f"01{GIVEN[2:]}-more") == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)


@given(st.text(max_size=80))
def test_any_text_is_one_or_none(text: str) -> None:
    found = parse(text)
    assert found is None or (len(found[0]), len(found[1])) == (32, 16)
