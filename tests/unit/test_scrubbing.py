"""What is taken out of log lines: secrets and personal data, in whatever form they come; and what stays."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute import scrubbing
from vidcompute.scrubbing import scrub, scrub_line

RANDOM = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF"  # 43 letters, as secrets.token_urlsafe(32) makes them
KEY = f"vck_{RANDOM}"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwZXJzb25fMSJ9.c2lnbmF0dXJlLW9mLWl0"
PLAYBACK_ID = "0123456789abcdefghjkmnpq"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"the key {KEY} is old", "the key [secret] is old"),
        (f"Authorization: Bearer {KEY}", "Authorization: [secret]"),
        ("(b'authorization', b'Basic YW5uOnBhc3N3b3Jk')", "(b'authorization', [secret]"),
        ("sent Bearer abcdefgh1234", "sent Bearer [secret]"),
        ("Set-Cookie: vidcompute_session=abc; Path=/", "Set-Cookie: [secret]"),
        (f"token {JWT} is bad", "token [secret] is bad"),
        (f"cookie value {RANDOM}", "cookie value [secret]"),
        ('{"password": "correct horse battery", "name": "x"}', '{"password": [secret], "name": "x"}'),
        ("password='it\\'s me' host=db", "password=[secret] host=db"),
        ("VIDCOMPUTE_STORAGE_SECRET_ACCESS_KEY=abc/def", "VIDCOMPUTE_STORAGE_SECRET_ACCESS_KEY=[secret]"),
        ("refresh_token=abc&x=1", "refresh_token=[secret]&x=1"),
        ("postgresql://ann:hunter2@db.example/video", "postgresql://[secret]@db.example/video"),
        ("redis://:p@ss@redis:6379/0", "redis://[secret]@redis:6379/0"),
        ("amqp://u:p?w@host/", "amqp://[secret]@host/"),
        ("smtps://u:p/w@host/", "smtps://[secret]"),
        ("https://b.example/k.mp4?X-Amz-Signature=abc&X-Amz-Date=1", "https://b.example/k.mp4?[query]"),
        ("https://v.example/account/reset#abc", "https://v.example/account/reset#[query]"),
        (f"/stream/{PLAYBACK_ID}~abcd.efgh-ij/h264-480/0.m4s", f"/stream/{PLAYBACK_ID}~/h264-480/0.m4s"),
        (f"/upload/{RANDOM[:22]}", "/upload/~"),
        ("ann.o+x@mail.example.com wrote", "[e-mail] wrote"),
        ("Key (email)=(ann@example.com) already exists", "Key (email)=([e-mail]) already exists"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "[secret]"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- end", "[private key] end"),
        ("input_value={'password': 'x y'}, input_type=dict", "input_value=[secret], input_type=dict"),
    ],
)
def test_what_has_the_form_of_a_secret_goes(text: str, left: str) -> None:
    assert scrub(text) == left
    assert scrub(left) == left, "once is enough"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "request",
        "/api/v1/uploads/up_01kq3v8a4rj0t5w6x7y8z9abcd",
        "/api/v1/keys/key_01kq3v8a4rj0t5w6x7y8z9abcd/rotate",
        f"orgs/org_00000000000000000000000000/artifacts/{DIGEST}/att_01kq3v8a4rj0t5w6x7y8z9abcd",
        "https://example.com:8443/films/clip.mp4",
        "http://[::1]:8550/health",
        "sqlite:////var/lib/video/vidcompute.db",
        "s3://bucket/prefix",
        "frame= 120 fps= 60 q=28.0 size= 1024KiB time=00:00:04.00 bitrate=2097.2kbits/s speed=2.01x",
        "[h264 @ 0x55d0c8] error while decoding MB 12 7",
        "2026-11-21T10:00:00.123456Z",
        "job_planned",
        "invalid_token",
    ],
)
def test_what_helps_to_understand_stays(text: str) -> None:
    assert scrub(text) == text


def test_fields_are_judged_by_their_names_and_looked_into() -> None:
    line: dict[str, Any] = {
        "event": "login_failed",
        "password": "short",
        "headers": {"Cookie": "a=b", "accept": "*/*"},
        "people": ["ann@example.com", {"token": "abc"}],
        "tokens": 12,
        "error": ValueError("for bob@example.com"),
        "ended": None,
        "logs_key": "orgs/o/logs/att_1.log",
    }
    assert scrub_line(line) == {
        "event": "login_failed",
        "password": "[secret]",
        "headers": {"Cookie": "[secret]", "accept": "*/*"},
        "people": ["[e-mail]", {"token": "[secret]"}],
        "tokens": 12,
        "error": "for [e-mail]",
        "ended": None,
        "logs_key": "orgs/o/logs/att_1.log",
    }


@given(secret=st.text(min_size=6, max_size=40), around=st.text(max_size=20))
def test_what_came_in_as_a_secret_stands_in_no_line_of_the_request(secret: str, around: str) -> None:
    scrubbing.begin()
    scrubbing.hide_here(secret)
    for text in (f"{around} {secret} {around}", repr({"x": secret}), f"{secret!r}"):
        told = scrub_line({"event": "it broke", "exception": text})["exception"]
        assert not [part for part in re.split(r"\[(?:secret|e-mail|query)\]", told) if secret in part]
    scrubbing.begin()


def test_a_visitor_cannot_blot_out_what_the_line_is_about() -> None:
    scrubbing.begin()
    scrubbing.hide_here("request", "/api/v1/login", "short")
    line = {"event": "request", "method": "POST", "path": "/api/v1/login", "detail": "a request to /api/v1/login"}
    assert scrub_line(line) == {**line, "detail": "a [secret] to [secret]"}
    scrubbing.begin()
    assert scrub_line(line) == line


def test_no_text_takes_long() -> None:
    """Lines are made of what strangers send: expressions that go back and forth over it would be a way to stop us."""
    took_s = []
    plain = ("a", "a.", "token", "eyJ-", "~", "token      ", "a@")
    parts = (*plain, "cookie='", "input_value=", "-----BEGIN PRIVATE KEY-----")
    hostile = [part * (100_000 // len(part)) for part in parts]
    for text in (*hostile, "https://" + "a:" * 50_000 + "]"):
        began_s = time.process_time()
        scrub(text + " token @ ~ ://")
        took_s.append(time.process_time() - began_s)
    assert max(took_s) < 2.0, took_s
