"""Text tracks in a DASH manifest: a set for each, over its whole WebVTT file (ISO/IEC 23009-1, 5.3.3)."""

from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree as Xml

from vidcompute.media.playlists import TEXT_NAME, TextRendition

_ROLE = "urn:mpeg:dash:role:2011"
_END = "  </Period>"


def with_texts(manifest: str, texts: Sequence[TextRendition], folder: str) -> str:
    """An MPD of ours with these text tracks, whose files lie below `folder`; as it was, without any."""
    number = manifest.count("<AdaptationSet ")
    sets = "".join(_set(number + place, text, folder) for place, text in enumerate(texts))
    return manifest.replace(_END, sets + _END, 1)


def _set(number: int, text: TextRendition, folder: str) -> str:
    adaptation = Xml.Element(
        "AdaptationSet",
        {"id": str(number), "contentType": "text", "mimeType": "text/vtt", "lang": text.language},
    )
    Xml.SubElement(adaptation, "Label").text = "".join(c for c in text.title if c.isprintable())
    for role in _roles(text):
        Xml.SubElement(adaptation, "Role", {"schemeIdUri": _ROLE, "value": role})
    bandwidth = str(max(1, text.rates.peak_bps))
    representation = Xml.SubElement(adaptation, "Representation", {"id": text.name, "bandwidth": bandwidth})
    Xml.SubElement(representation, "BaseURL").text = f"{quote(folder)}/{text.name}/{TEXT_NAME}"
    Xml.indent(adaptation, level=2)
    return "    " + Xml.tostring(adaptation, encoding="unicode").strip() + "\n"


def _roles(text: TextRendition) -> list[str]:
    kind = "caption" if text.is_captions else "forced-subtitle" if text.forced else "subtitle"
    return [kind, *(["main"] if text.default else [])]
