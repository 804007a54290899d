"""The DASH manifest: well-formed, in the schema's order, and the same times as the segments have."""

from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_stream import made_stream
from vidcompute.media.dash import NAMESPACE, manifest

NS = f"{{{NAMESPACE}}}"
# The order of children that the schema of ISO/IEC 23009-1 asks for, as far as we use them.
ORDER = {
    "MPD": ["Period"],
    "Period": ["AdaptationSet"],
    "AdaptationSet": ["SupplementalProperty", "Label", "Role", "Representation"],
    "Representation": ["AudioChannelConfiguration", "SegmentTemplate"],
    "SegmentTemplate": ["SegmentTimeline"],
    "SegmentTimeline": ["S"],
    "S": [],
    "Label": [],
    "Role": [],
    "SupplementalProperty": [],
    "AudioChannelConfiguration": [],
}
REQUIRED = {
    "MPD": {"profiles", "type", "minBufferTime", "mediaPresentationDuration"},
    "AdaptationSet": {"id", "contentType", "mimeType"},
    "Representation": {"id", "bandwidth", "codecs"},
    "SegmentTemplate": {"timescale", "startNumber", "media", "initialization"},
    "S": {"d"},
}


def root_of(text: str) -> Xml.Element:
    return Xml.fromstring(text)


def times(timeline: Xml.Element) -> list[tuple[int, int]]:
    """Start and duration of each segment, as a player works them out."""
    found, time = [], 0
    for entry in timeline.findall(f"{NS}S"):
        time = int(entry.get("t", time))
        for _ in range(1 + int(entry.get("r", "0"))):
            found.append((time, int(entry.get("d", "0"))))
            time += int(entry.get("d", "0"))
    return found


@pytest.mark.parametrize("parts", [{}, {"video": False}, {"audio": False}])
def test_shape_is_the_schemas(parts: dict[str, bool]) -> None:
    stream = made_stream(**parts)
    root = root_of(manifest(stream.videos, stream.audios))
    for element in root.iter():
        tag = element.tag.removeprefix(NS)
        children = [ORDER[tag].index(child.tag.removeprefix(NS)) for child in element]
        assert children == sorted(children)
        assert REQUIRED.get(tag, set()) <= set(element.keys())
    ids = [r.get("id") for r in root.iter(f"{NS}Representation")]
    assert len(ids) == len(set(ids)) == len(stream.videos) + len(stream.audios)


def test_times_and_addresses_are_the_segments() -> None:
    stream = made_stream()
    root = root_of(manifest(stream.videos, stream.audios))
    tracks = {t.name: t for t in [*stream.videos, *stream.audios]}
    for representation in root.iter(f"{NS}Representation"):
        track = tracks[representation.get("id", "")]
        template = representation.find(f"{NS}SegmentTemplate")
        assert template is not None
        timeline = template.find(f"{NS}SegmentTimeline")
        assert timeline is not None
        assert times(timeline) == [(s.start, s.duration) for s in track.segments]
        first = int(template.get("startNumber", ""))
        listed = [template.get("media", "").replace("$Number$", str(first + i)) for i in range(len(track.segments))]
        assert set(listed) <= stream.files.keys()
        assert template.get("initialization") in stream.files
    assert root.get("mediaPresentationDuration") == "PT10.000000S"


def test_codecs_and_languages_are_sets_of_their_own() -> None:
    stream = made_stream()
    hevc = replace(stream.videos[0], name="hevc-720", codec_string="hvc1.1.6.L93.B0", video_range="PQ")
    odd = replace(stream.videos[1], frame_rate=Fraction(30000, 1001))
    root = root_of(manifest([stream.videos[0], hevc, odd], stream.audios, query="a=1&b=2"))
    sets = root.findall(f"{NS}Period/{NS}AdaptationSet")
    assert [(s.get("contentType"), s.get("lang"), len(s.findall(f"{NS}Representation"))) for s in sets] == [
        ("video", None, 2),
        ("video", None, 1),
        ("audio", "en", 1),
        ("audio", "de", 1),
    ]
    transfer = sets[1].find(f"{NS}SupplementalProperty")
    assert transfer is not None
    assert transfer.get("value") == "16"
    assert {r.get("frameRate") for r in sets[0].iter(f"{NS}Representation")} == {"30", "30000/1001"}
    roles = [r.get("value") for r in root.iter(f"{NS}Role")]
    assert roles == ["main", "alternate"]
    template = sets[0].find(f"{NS}Representation/{NS}SegmentTemplate")
    assert template is not None
    assert template.get("media") == "x/h264-720/$Number$.m4s?a=1&b=2"


@given(title=st.text(max_size=30), language=st.text(max_size=8), folder=st.text(max_size=8))
def test_no_title_breaks_out(title: str, language: str, folder: str) -> None:
    stream = made_stream(video=False)
    track = replace(stream.audios[0], title=title, language=language, folder=f"a{folder}")
    root = root_of(manifest([], [track]))
    assert len(list(root.iter(f"{NS}Representation"))) == 1
    template = next(root.iter(f"{NS}SegmentTemplate"))
    assert template.get("media", "").replace("$$", "").count("$") == 2
