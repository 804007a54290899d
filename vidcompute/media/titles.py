"""Names that came from outside, made fit to be shown: data for people, never a path."""

import re
import unicodedata

MAX_TITLE_CHARACTERS = 255
_LONGEST_STEM = 150
# What files of media are called; a title that somebody gave may have a dot in it as well.
_SUFFIX = re.compile(
    r"\.(3g[2p]|aac|ac3|aiff?|amr|ape|asf|avi|caf|dv|flac|flv|gif|ivf|m2ts|m[24][av]|mk[av]|mov|mp[234]|mpe?g|mts|mxf"
    r"|nut|og[agv]|opus|rm|ts|tta|vob|w64|wav|webm|wm[av]|wv|y4m)",
    re.IGNORECASE,
)
_JOINERS = "\u200c\u200d"  # part of the spelling of words in some scripts, and of emoji


def title_of(name: str) -> str:
    """`name` as a title: its last path element, NFC, no control or direction characters, at most 255 characters.

    Empty where nothing is left.
    """
    # Removal comes before normalization: marks that a control character kept apart are then joined once for all.
    visible = "".join(c for c in name if c in _JOINERS or c.isspace() or unicodedata.category(c)[0] != "C")
    last = unicodedata.normalize("NFC", " ".join(visible.replace("\\", "/").rstrip("/ ").rpartition("/")[2].split()))
    return "" if last in {".", ".."} else last[:MAX_TITLE_CHARACTERS].strip()


def file_name(title: str, suffix: str) -> str:
    """What a download of this title is called: `suffix` in the place of the one that the title has.

    >>> file_name("clip.MOV", ".mp4"), file_name("Dr. Strange", ".mp4"), file_name(".mp4", ".m4a")
    ('clip.mp4', 'Dr. Strange.mp4', '.mp4.m4a')
    """
    stem, dot, last = title.rpartition(".")
    return (stem if stem and _SUFFIX.fullmatch(dot + last) else title)[:_LONGEST_STEM] + suffix
