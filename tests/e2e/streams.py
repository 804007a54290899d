"""Fetching a finished stream over HTTP and checking it against what it promises and against its source."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.e2e.driving import Driver
from tests.e2e.numbered import Shown, frames
from vidcompute.media.cmaf import InitSegment, ScannedSample, scan_segment
from vidcompute.media.hls_check import Severity, check
from vidcompute.media.hls_check.parse import Playlist, parse


@dataclass(frozen=True)
class Track:
    """One track as it is served: its playlist, its header, its segments, and what the segments hold."""

    name: str
    playlist: Playlist
    header: bytes
    segments: list[bytes]
    samples: list[tuple[ScannedSample, ...]]

    @property
    def init(self) -> InitSegment:
        return InitSegment.parse(self.header)

    @property
    def joined(self) -> io.BytesIO:
        """The whole track as one file."""
        return io.BytesIO(self.header + b"".join(self.segments))

    def piece(self, number: int) -> io.BytesIO:
        """One segment, made playable by its header."""
        return io.BytesIO(self.header + self.segments[number])

    def boundaries(self) -> list[Fraction]:
        """When each segment begins, and when the last ends, by its frames; seconds."""
        starts = [min(s.pts for s in samples) for samples in self.samples]
        end = starts[-1] + sum(s.duration for s in self.samples[-1])
        return [self.init.presentation(ticks) for ticks in (*starts, end)]


def track(driver: Driver, playback_id: str, name: str) -> Track:
    """A track as any player fetches it."""
    folder = f"/stream/{playback_id}/{name}"
    playlist = parse(driver.bytes(f"{folder}/index.m3u8"), f"{folder}/index.m3u8")
    header = driver.bytes(f"{folder}/{playlist.segments[0].map_uri}")
    segments = [driver.bytes(f"{folder}/{entry.uri}") for entry in playlist.segments]
    init = InitSegment.parse(header)
    return Track(name, playlist, header, segments, [scan_segment(data, init).samples for data in segments])


def listed(driver: Driver, playback_id: str, query: str = "") -> list[str]:
    """The names of the tracks that the multivariant playlist lists, pictures first."""
    url = f"{driver.server.url}/stream/{playback_id}.m3u8{query}"
    master = parse(driver.bytes(url), url)
    uris = [v.uri for v in master.variants] + [t.attributes.get("URI", "") for t in master.all("EXT-X-MEDIA")]
    names = [uri.removesuffix("/index.m3u8").rpartition("/")[2] for uri in uris if uri]
    return list(dict.fromkeys(names))


def breaches(driver: Driver, playback_id: str) -> list[str]:
    """What the checker finds of rules that say "must"."""
    report = check(f"{driver.server.url}/stream/{playback_id}.m3u8", driver.bytes)
    assert report.segments > 0
    return [f"{f.rule} {f.where}: {f.message}" for f in report.findings if f.severity is Severity.MUST]


def assert_whole(pictures: Track, promised: Sequence[Fraction]) -> list[Shown]:
    """The track has a frame at each promised time and no other, and each segment plays by itself from its first frame.

    `promised` has the times of all frames and the end of the last. Returns what a decode of the joined track shows.
    """
    tick = Fraction(1, pictures.init.timescale)
    assert sum(len(samples) for samples in pictures.samples) == len(promised) - 1
    shown = frames(pictures.joined)
    assert len(shown) == len(promised) - 1
    for found, wanted in zip(shown, promised, strict=False):
        assert abs(found.time - wanted) <= tick, (pictures.name, found, wanted)
    first = 0
    for number, samples in enumerate(pictures.samples):
        assert samples[0].sync, f"{pictures.name}/{number} does not begin with a key frame"
        alone = frames(pictures.piece(number))
        assert [(f.time, f.number) for f in alone] == [(f.time, f.number) for f in shown[first : first + len(samples)]]
        first += len(samples)
    assert_listed(pictures)
    return shown


def assert_listed(found: Track) -> None:
    """Segments follow each other without gap or overlap, and are as long as the playlist says, within a frame."""
    longest = max(s.duration for samples in found.samples for s in samples)
    frame = Fraction(longest, found.init.timescale)
    for entry, (start, end) in zip(found.playlist.segments, pairwise(found.boundaries()), strict=True):
        assert entry.seconds is not None
        assert abs(entry.seconds - (end - start)) <= frame, (found.name, entry.uri)
    ends = [samples[-1].dts + samples[-1].duration for samples in found.samples]
    assert [samples[0].dts for samples in found.samples[1:]] == ends[:-1]
    for samples in found.samples:
        for before, after in pairwise(samples):
            assert after.dts == before.dts + before.duration


def steady(count: int, rate: Fraction) -> list[Fraction]:
    """The times of `count` evenly spaced frames, and the end of the last."""
    return [n / rate for n in range(count + 1)]


def by_type(job: dict[str, Any], kind: str) -> dict[str, Any]:
    """A job's output of a type; it must be ready."""
    found: dict[str, Any] = next(output for output in job["outputs"] if output["type"] == kind)
    assert found["ready"], found
    return found
