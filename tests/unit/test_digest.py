"""The tree digest: the same bytes give the same digest, however they came."""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.media import digest
from vidcompute.media.digest import PART_BYTES, PartDigest, TreeDigest, combine

SMALL = 64  # parts of 64 bytes keep the property tests quick


@pytest.fixture(scope="module", autouse=True)
def small_parts() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(digest, "PART_BYTES", SMALL)
    yield
    patch.undo()


def whole(data: bytes) -> str:
    tree = TreeDigest()
    tree.update(data)
    return tree.finish()


def cut(data: bytes) -> list[PartDigest]:
    return [PartDigest.of(n, data[at : at + SMALL]) for n, at in enumerate(range(0, len(data), SMALL))]


@given(st.binary(max_size=5 * SMALL), st.lists(st.integers(0, 5 * SMALL), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_digest(data: bytes, cuts: list[int]) -> None:
    tree = TreeDigest()
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        tree.update(memoryview(data)[start:end])
    assert tree.finish() == whole(data)
    assert tree.position == len(data)


@given(st.binary(max_size=6 * SMALL), st.randoms(use_true_random=False))
def test_parts_in_any_order_give_the_same_digest(data: bytes, order: random.Random) -> None:
    parts = cut(data)
    order.shuffle(parts)
    tree = TreeDigest()
    for part in parts:
        tree.put(part)
    assert tree.finish() == whole(data)


@given(st.binary(min_size=1, max_size=6 * SMALL), st.data())
def test_a_restart_anywhere_changes_nothing(data: bytes, draw: st.DataObject) -> None:
    stop = draw.draw(st.integers(0, len(data)))
    first = TreeDigest()
    first.update(data[:stop])
    second = TreeDigest.from_state(json.loads(json.dumps(first.state())))
    assert second.position == first.resume_position == stop - stop % SMALL
    second.update(data[second.position :])
    assert second.finish() == whole(data)


@given(st.binary(min_size=1, max_size=4 * SMALL), st.data())
def test_one_other_bit_gives_another_digest(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    other = bytearray(data)
    other[at] ^= 1
    assert whole(bytes(other)) != whole(data)


@given(st.binary(min_size=SMALL + 1, max_size=5 * SMALL))
def test_a_missing_part_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="missing"):
        combine(cut(data)[1:])


def test_a_short_part_in_the_middle_is_told() -> None:
    with pytest.raises(ValueError, match="short"):
        combine([PartDigest.of(0, b"a"), PartDigest.of(1, b"b")])


def test_two_contents_for_one_part_are_told() -> None:
    tree = TreeDigest([PartDigest.of(0, b"a")])
    tree.put(PartDigest.of(0, b"a"))
    with pytest.raises(ValueError, match="other bytes"):
        tree.put(PartDigest.of(0, b"b"))


@pytest.mark.parametrize("part", [b"", b"x" * (SMALL + 1)])
def test_a_part_has_one_byte_at_least_and_a_part_at_most(part: bytes) -> None:
    with pytest.raises(ValueError, match="a part has"):
        PartDigest.of(0, part)


def test_a_part_list_that_was_tampered_with_is_refused() -> None:
    with pytest.raises(ValueError):
        TreeDigest.from_state([{"index": 0, "size_bytes": 3, "sha256": "abc"}])


def test_a_list_of_hashes_is_not_the_file_that_holds_them() -> None:
    data = b"x" * (2 * SMALL)
    hashes = b"".join(bytes.fromhex(part.sha256) for part in cut(data))
    assert whole(hashes) != whole(data)
    assert whole(data) != hashlib.sha256(hashes).hexdigest()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "c87b2e08c6c91503cdb8122ef74c74425e3f01513628fd1fc8178bd3b0f50dea"),
        (b"vidcompute", "8c7c29cec3401ae69b12570e061b1b482ac00a89d219209d8b78d45f1ccb348c"),
        (bytes(PART_BYTES + 1), "b2ee0493df4c82775f99784035e928d2408f11dd2ec4df6381174f30f47ffe1d"),
    ],
    ids=["empty", "short", "two parts"],
)
def test_the_digest_is_what_it_was_in_earlier_releases(
    data: bytes, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored keys hang on these values: they may never change."""
    monkeypatch.setattr(digest, "PART_BYTES", PART_BYTES)
    assert whole(data) == expected
