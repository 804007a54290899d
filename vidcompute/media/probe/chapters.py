"""The facts of chapters: parts that a source has names for."""

from fractions import Fraction

from av.container import InputContainer

from vidcompute.media.facts import ChapterFacts

_MOST = 500
_TITLE_CHARACTERS = 200


def facts(container: InputContainer, start: Fraction, end: Fraction) -> tuple[ChapterFacts, ...]:
    """The chapters that begin between two moments of the source's clock, in order; none where there is only one.

    Of those that begin at one moment the first counts, and of more than 500 the first ones.
    """
    found: dict[int, str] = {}
    for chapter in container.chapters():
        time_base = chapter["time_base"]
        if time_base is None:
            continue
        at = max(chapter["start"] * time_base, start)
        if at < end:
            found.setdefault(round((at - start) * 1000), _title(chapter["metadata"].get("title", "")))
    named = [ChapterFacts(start_ms, found[start_ms]) for start_ms in sorted(found)]
    return tuple(named[:_MOST]) if len(named) > 1 else ()


def _title(said: str) -> str:
    """In one line, without control characters."""
    words = "".join(character if character.isprintable() else " " for character in said).split()
    return " ".join(words)[:_TITLE_CHARACTERS]
