"""Names that came from outside, made fit to be shown: data for people, never a path."""

import unicodedata

MAX_TITLE_CHARACTERS = 255
_JOINERS = "\u200c\u200d"  # part of the spelling of words in some scripts, and of emoji


def title_of(name: str) -> str:
    """`name` as a title: its last path element, NFC, no control or direction characters, at most 255 characters.

    Empty where nothing is left.
    """
    # Removal comes before normalization: marks that a control character kept apart are then joined once for all.
    visible = "".join(c for c in name if c in _JOINERS or c.isspace() or unicodedata.category(c)[0] != "C")
    last = unicodedata.normalize("NFC", " ".join(visible.replace("\\", "/").rstrip("/ ").rpartition("/")[2].split()))
    return "" if last in {".", ".."} else last[:MAX_TITLE_CHARACTERS].strip()
