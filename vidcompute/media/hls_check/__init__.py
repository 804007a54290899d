"""A checker of HLS streams: every rule of RFC 8216bis and Apple's authoring specification that a program can decide.

RFC clauses are those of draft-pantos-hls-rfc8216bis-22; Apple's are those of "HTTP Live Streaming (HLS) authoring
specification for Apple devices". Rules for live streams, encryption, low latency and delivery headers are not part
of it; of texts it reads WebVTT.
"""

from collections.abc import Callable

from vidcompute.media.hls_check import rules_master, rules_media, rules_subtitles, rules_text
from vidcompute.media.hls_check.load import load
from vidcompute.media.hls_check.model import Finding, Report, Rule, Severity

RULES: tuple[Rule, ...] = (
    *rules_text.TABLE.rules,
    *rules_master.TABLE.rules,
    *rules_media.TABLE.rules,
    *rules_subtitles.TABLE.rules,
)

__all__ = ["RULES", "Finding", "Report", "Rule", "Severity", "check"]


def check(start: str, fetch: Callable[[str], bytes]) -> Report:
    """Check a stream from its multivariant playlist, or one media playlist, given by URL or as text.

    `fetch` returns the bytes behind a URL, and raises when it can't: that is a finding too. Every segment is read
    once, one at a time. Nothing is raised for a bad stream.
    """
    stream = load(start, fetch)
    findings = tuple(finding for rule in RULES for finding in rule.findings(stream))
    segments = sum(len(media.playlist.segments) for media in stream.media.values())
    return Report(findings, len(stream.playlists()), segments, len(RULES), tuple(stream.notes))
