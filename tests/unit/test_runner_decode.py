"""Options: from JSON to a stage and nothing else."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.errors import VidComputeError
from vidcompute.runner.decode import decode


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    name: str
    rate: tuple[int, int]
    weight: float = 1.0


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    colour: Colour
    spare: Part | None
    sizes: Mapping[str, int]
    flag: bool
    mode: Literal["fast", "slow"] = "fast"
    anything: Any = None
    names: list[str] | None = None


@dataclass(frozen=True)
class Unfit:
    rate: Fraction


PARTS = st.builds(
    Part,
    st.text(max_size=5),
    st.tuples(st.integers(), st.integers()),
    st.floats(allow_nan=False, allow_infinity=False),
)
WHOLES = st.builds(
    Whole,
    st.lists(PARTS, max_size=3).map(tuple),
    st.sampled_from(Colour),
    st.none() | PARTS,
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    st.booleans(),
    st.sampled_from(["fast", "slow"]),
    st.none() | st.integers() | st.lists(st.text(max_size=3), max_size=2),
    st.none() | st.lists(st.text(max_size=3), max_size=2),
)


@given(WHOLES)
def test_options_survive_json(whole: Whole) -> None:
    assert decode(Whole, json.loads(json.dumps(asdict(whole)))) == whole


GOOD: dict[str, Any] = {"parts": [], "colour": "red", "spare": None, "sizes": {}, "flag": True}


def test_defaults_may_be_left_out() -> None:
    assert decode(Whole, GOOD) == Whole((), Colour.RED, None, {}, flag=True)


def test_a_whole_number_is_a_float_too() -> None:
    assert decode(Part, {"name": "x", "rate": [1, 2], "weight": 3}) == Part("x", (1, 2), 3.0)


@pytest.mark.parametrize(
    "change",
    [
        {"flag": 1},
        {"flag": "true"},
        {"colour": "green"},
        {"parts": {}},
        {"parts": [{"name": "x"}]},
        {"parts": [{"name": "x", "rate": [1]}]},
        {"parts": [{"name": "x", "rate": [1, 2.0]}]},
        {"parts": [{"name": "x", "rate": [1, True]}]},
        {"parts": [{"name": 3, "rate": [1, 2]}]},
        {"spare": []},
        {"sizes": {"a": None}},
        {"sizes": []},
        {"mode": "other"},
        {"names": "abc"},
        {"extra": 1},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(VidComputeError, match="stage_options_invalid"):
        decode(Whole, GOOD | change)


def test_fractions_are_no_options() -> None:
    with pytest.raises(VidComputeError, match="stage_options_invalid"):
        decode(Unfit, {"rate": "1/2"})


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(VidComputeError, match="stage_options_invalid"):
        decode(Part, {"name": "x"})
