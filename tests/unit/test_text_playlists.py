"""Text tracks in playlists and manifests that were made without them."""

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_stream import EDGES, TIMESCALE, made_stream
from vidcompute.media.dash import NAMESPACE, manifest
from vidcompute.media.dash_texts import with_texts as dash_with_texts
from vidcompute.media.hls_check.parse import parse
from vidcompute.media.playlists import Bandwidth, TextRendition, text_playlist, with_texts

BOTH, RATES = ("BANDWIDTH", "AVERAGE-BANDWIDTH"), re.compile(r"BANDWIDTH=\d+")
NS = f"{{{NAMESPACE}}}"
ENGLISH = TextRendition("track_e", "en", "English", False, False, True, False, Bandwidth(900, 200))
GERMAN = TextRendition("track_g", "de", "Deutsch", True, True, True, False, Bandwidth(700, 300))


def media(*texts: TextRendition) -> list[str]:
    text = with_texts(made_stream().text("main.m3u8"), texts, "ID~pass")
    return [line for line in text.splitlines() if "TYPE=SUBTITLES" in line]


def names(*texts: TextRendition) -> list[str]:
    return [re.findall('NAME="([^"]*)"', line)[0] for line in media(*texts)]


def chosen(*texts: TextRendition) -> list[bool]:
    return ["AUTOSELECT=YES" in line for line in media(*texts)]


def test_a_text_playlist_is_cut_where_the_pictures_are() -> None:
    assert text_playlist(EDGES, TIMESCALE, 4) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXTINF:4.000000,\n0.vtt\n#EXTINF:4.000000,\n1.vtt\n#EXTINF:2.000000,\n2.vtt\n#EXT-X-ENDLIST\n"
    )


def test_every_variant_gets_the_texts_and_what_the_largest_of_them_needs() -> None:
    before = made_stream().text("main.m3u8")
    after = with_texts(before, [ENGLISH, GERMAN], "ID")
    assert with_texts(before, [], "ID") == before
    variants = [v.tag for v in parse(after).variants]
    for old, new in zip((v.tag for v in parse(before).variants), variants, strict=True):
        assert new.attributes.pop("SUBTITLES") == "text"
        rates = {name: int(new.attributes.pop(name)) - int(old.attributes.pop(name)) for name in BOTH}
        assert rates == {"BANDWIDTH": 900, "AVERAGE-BANDWIDTH": 300}
        assert new.attributes == old.attributes
    assert len(variants) == 3
    kept = [line for line in after.splitlines() if "TYPE=SUBTITLES" not in line]
    assert [RATES.sub("", line.removesuffix(',SUBTITLES="text"')) for line in kept] == [
        RATES.sub("", line) for line in before.splitlines()
    ]


def test_what_is_said_of_a_text() -> None:
    english, german = media(ENGLISH, replace(GERMAN, forced=True, is_captions=False))
    assert english == (
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",LANGUAGE="en",NAME="English",DEFAULT=NO,AUTOSELECT=YES,'
        'URI="ID~pass/track_e/index.m3u8"'
    )
    assert german == (
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",LANGUAGE="de",NAME="Deutsch",DEFAULT=YES,AUTOSELECT=YES,'
        'FORCED=YES,URI="ID~pass/track_g/index.m3u8"'
    )
    assert 'CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,public' in media(GERMAN)[0]


def test_two_of_one_name_or_one_kind_are_told_apart() -> None:
    again = replace(ENGLISH, name="track_2")
    assert names(ENGLISH, again, replace(again, title=' "x" '), replace(again, title="")) == [
        "English",
        "English (2)",
        "'x'",
        "en",
    ]
    assert chosen(ENGLISH, again) == [True, False]
    assert chosen(ENGLISH, replace(again, default=True)) == [False, True]
    assert chosen(ENGLISH, replace(again, is_captions=True), replace(again, language="de")) == [True] * 3
    assert chosen(replace(ENGLISH, autoselect=False), again) == [False, True]


@given(title=st.text(max_size=40))
def test_no_name_breaks_out_of_its_place(title: str) -> None:
    made = parse(with_texts(made_stream().text("main.m3u8"), [replace(ENGLISH, title=title)], "ID"))
    (tag,) = [tag for tag in made.all("EXT-X-MEDIA") if tag.attributes["TYPE"] == "SUBTITLES"]
    assert tag.problem == ""
    assert tag.attributes["URI"] == "ID/track_e/index.m3u8"
    stream = made_stream()
    text = dash_with_texts(manifest(stream.videos, stream.audios), [replace(ENGLISH, title=title)], "ID")
    (one,) = [one for one in Xml.fromstring(text).iter(f"{NS}AdaptationSet") if one.get("contentType") == "text"]
    label = one.findtext(f"{NS}Label")
    assert label == "".join(c for c in title if c.isprintable())


def test_a_manifest_has_a_set_for_each_text_over_its_whole_file() -> None:
    stream = made_stream()
    before = manifest(stream.videos, stream.audios)
    assert dash_with_texts(before, [], "ID") == before
    sets = list(Xml.fromstring(dash_with_texts(before, [ENGLISH, GERMAN], "ID~a b")).iter(f"{NS}AdaptationSet"))
    assert [one.get("id") for one in sets] == [str(number) for number in range(len(sets))]
    texts = [one for one in sets if one.get("contentType") == "text"]
    assert [(one.get("lang"), one.get("mimeType")) for one in texts] == [("en", "text/vtt"), ("de", "text/vtt")]
    roles = [[role.get("value") for role in one.iter(f"{NS}Role")] for one in texts]
    assert roles == [["subtitle"], ["caption", "main"]]
    addresses = [one.findtext(f"{NS}Representation/{NS}BaseURL") for one in texts]
    assert addresses == ["ID~a%20b/track_e/track.vtt", "ID~a%20b/track_g/track.vtt"]
    lines = dash_with_texts(before, [ENGLISH, GERMAN], "ID").splitlines()
    assert all(
        len(after) - len(after.lstrip()) <= len(line) - len(line.lstrip()) + 2 for line, after in pairwise(lines)
    )


@pytest.mark.parametrize("parts", [{"video": False}, {"audio": False}])
def test_sound_alone_and_pictures_alone_have_texts_too(parts: dict[str, bool]) -> None:
    text = with_texts(made_stream(**parts).text("main.m3u8"), [ENGLISH], "ID")
    assert text.count('SUBTITLES="text"') == text.count("#EXT-X-STREAM-INF") > 0
