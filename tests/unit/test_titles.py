"""Hostile file names end as harmless titles."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.media.titles import MAX_TITLE_CHARACTERS, file_name, title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Videos\\my film.mov", "my film.mov"),
        ("a\r\nb\x00c\x1b[31m.mp4", "a bc[31m.mp4"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("  two   words\t.mp4 ", "two words .mp4"),
        ("e\u0301.mp4", "\u00e9.mp4"),
        ("\U0001f468\u200d\U0001f469.mp4", "\U0001f468\u200d\U0001f469.mp4"),
        ("<script>alert(1)</script>.mp4", "script>.mp4"),
        ("..", ""),
        ("/", ""),
        ("", ""),
        ("\ud800x", "x"),
    ],
)
def test_a_name_becomes_a_title(name: str, title: str) -> None:
    assert title_of(name) == title


@given(st.text(st.characters(codec=None), max_size=600))
def test_a_title_is_short_plain_and_stable(name: str) -> None:
    title = title_of(name)
    assert len(title) <= MAX_TITLE_CHARACTERS
    assert not {"/", "\\", "\n", "\r", "\x00"} & set(title)
    assert all(unicodedata.category(c)[0] != "C" or c in "\u200c\u200d" for c in title)
    assert title_of(title) == title
    title.encode()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("clip.mp4", "clip.m4a"),
        ("Holiday.2026.MKV", "Holiday.2026.m4a"),
        ("Dr. Strange", "Dr. Strange.m4a"),
        ("Version 2.0", "Version 2.0.m4a"),
        ("no suffix", "no suffix.m4a"),
        (".mp4", ".mp4.m4a"),
        ("x" * 400, "x" * 150 + ".m4a"),
    ],
)
def test_a_download_keeps_the_title_but_for_the_suffix_of_its_file(title: str, name: str) -> None:
    assert file_name(title, ".m4a") == name
