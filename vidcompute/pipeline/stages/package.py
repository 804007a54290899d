"""Stage `package`: proves that all segments are what was promised, and writes the playlists that name them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import dash, playlists
from vidcompute.media.cmaf import SegmentInfo
from vidcompute.media.playlists import AudioTrack, Track, VideoTrack
from vidcompute.media.tracks import INIT_NAME, segment_name
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

# Playlists name files below the playback ID, which a package that several assets share does not know.
FOLDER = "PLAYBACK_ID"
MULTIVARIANT, DASH, MANIFEST = "multivariant.m3u8", "manifest.mpd", "manifest.json"


@dataclass(frozen=True)
class VideoTrackInfo:
    """A rendition: its track's name, its codec, and frames a second as a fraction."""

    name: str
    codec: str
    frame_rate: tuple[int, int]


@dataclass(frozen=True)
class AudioTrackInfo:
    """A sound track: its name, and what a listener chooses it by."""

    name: str
    language: str
    title: str
    default: bool
    channels: int


@dataclass(frozen=True)
class Package:
    """Options: the tracks in order, and how many frames and segments each rendition must have."""

    video: tuple[VideoTrackInfo, ...]
    audio: tuple[AudioTrackInfo, ...]
    frames: int
    segments: int

    name: ClassVar[str] = "package"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """Reads sizes and names, writes text."""
        return Needs(cpu=0.5, memory_bytes=256 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Check every track against the promise and against each other; then write playlists and manifests."""
        names = [name for name, tracks in (("video", self.video), ("audio", self.audio)) if tracks]
        parts = _gather(work, names)
        videos = [_video_track(info, parts[info.name]) for info in self.video]
        audios = [_audio_track(info, parts[info.name]) for info in self.audio]
        for track in videos:
            self._check(track)
        _check_boundaries(videos)
        _check_files(work, parts)
        _write(work, videos, audios)
        warnings = [w for name in names for facts in work.facts(name) for w in facts.get("warnings", ())]
        tracks = [_described_video(track) for track in videos] + [_described_audio(track) for track in audios]
        (work.output / MANIFEST).write_text(json.dumps({"tracks": tracks}, indent=1))
        return {"tracks": tracks, "warnings": list(dict.fromkeys(warnings))}

    def _check(self, track: VideoTrack) -> None:
        frames = sum(s.frames for s in track.segments)
        if frames != self.frames or len(track.segments) != self.segments:
            raise _wrong(
                f"{track.name} has {frames} frames in {len(track.segments)} segments, "
                f"and should have {self.frames} in {self.segments}."
            )
        for before, after in zip(track.segments, track.segments[1:], strict=False):
            if after.number != before.number + 1 or after.start != before.end:
                raise _wrong(f"{track.name}: segment {after.number} does not follow segment {before.number}.")


def _wrong(detail: str) -> VidComputeError:
    return VidComputeError(Kind.INTERNAL, "package_mismatch", detail)


@dataclass(frozen=True)
class _Part:
    """What one artifact holds of a track."""

    folder: Any
    facts: Mapping[str, Any]


def _gather(work: Work, names: Sequence[str]) -> dict[str, list[_Part]]:
    parts: dict[str, list[_Part]] = {}
    seen: set[str] = set()
    for name in names:
        for folder, facts, ref in zip(work.paths(name), work.facts(name), work.refs(name), strict=True):
            if ref.key in seen:  # one artifact with tracks of both kinds
                continue
            seen.add(ref.key)
            for track, described in facts["tracks"].items():
                parts.setdefault(track, []).append(_Part(folder / track, described))
    return parts


def _segments(parts: Sequence[_Part]) -> tuple[SegmentInfo, ...]:
    return tuple(SegmentInfo.from_json(s) for part in parts for s in part.facts["segments"])


def _video_track(info: VideoTrackInfo, parts: Sequence[_Part]) -> VideoTrack:
    first = parts[0].facts
    return VideoTrack(
        name=info.name,
        codec_string=first["codec"],
        timescale=first["timescale"],
        segments=_segments(parts),
        folder=f"{FOLDER}/{info.name}",
        width=first["width"],
        height=first["height"],
        frame_rate=Fraction(*info.frame_rate),
        video_range=first["video_range"],
    )


def _audio_track(info: AudioTrackInfo, parts: Sequence[_Part]) -> AudioTrack:
    first = parts[0].facts
    return AudioTrack(
        name=info.name,
        codec_string=first["codec"],
        timescale=first["timescale"],
        segments=_segments(parts),
        folder=f"{FOLDER}/{info.name}",
        language=info.language,
        title=info.title,
        default=info.default,
        channels=first.get("channels") or info.channels,  # a copy has its own; older artifacts do not say
        sample_rate=first["timescale"],
    )


def _check_boundaries(videos: Sequence[VideoTrack]) -> None:
    """All renditions are cut at the same instants, so that a player may change between them at any."""
    for track in videos[1:]:
        if [(s.start, s.end) for s in track.segments] != [(s.start, s.end) for s in videos[0].segments]:
            raise _wrong(f"{track.name} is cut at other times than {videos[0].name}.")


def _check_files(work: Work, parts: Mapping[str, Sequence[_Part]]) -> None:
    """Every segment's file is there at its size, and all parts of a track were encoded alike."""
    for checked, (track, pieces) in enumerate(parts.items(), 1):
        headers = {hashlib.sha256((part.folder / INIT_NAME).read_bytes()).digest() for part in pieces}
        if len(headers) != 1:
            raise _wrong(f"The parts of {track} were encoded with different parameters.")
        for part in pieces:
            for segment in part.facts["segments"]:
                size = (part.folder / segment_name(segment["number"])).stat().st_size
                if size != segment["size_bytes"]:
                    raise _wrong(f"Segment {segment['number']} of {track} has {size} bytes on disk.")
        work.progress(checked / len(parts))


def _write(work: Work, videos: Sequence[VideoTrack], audios: Sequence[AudioTrack]) -> None:
    target_s = playlists.target_duration_s([*videos, *audios])
    for track in (*videos, *audios):
        folder = work.output / track.name
        folder.mkdir()
        (folder / playlists.PLAYLIST_NAME).write_text(playlists.media_playlist(track, target_s))
    for video in videos:
        if video.has_iframes:
            (work.output / video.name / playlists.IFRAMES_NAME).write_text(playlists.iframe_playlist(video))
    (work.output / MULTIVARIANT).write_text(playlists.multivariant_playlist(videos, audios))
    (work.output / DASH).write_text(dash.manifest(videos, audios))


def _described(track: Track, kind: str) -> dict[str, Any]:
    rates = playlists.track_bandwidth(track, playlists.target_duration_s([track]))
    return {
        "name": track.name,
        "kind": kind,
        "codec": track.codec_string,
        "segments": len(track.segments),
        "duration_ms": round(1000 * track.end),
        "size_bytes": sum(s.size_bytes for s in track.segments),
        "average_bps": rates.average_bps,
        "peak_bps": rates.peak_bps,
        "segments_sha256": hashlib.sha256("".join(s.sha256 for s in track.segments).encode()).hexdigest(),
    }


def _described_video(track: VideoTrack) -> dict[str, Any]:
    return _described(track, "video") | {
        "width": track.width,
        "height": track.height,
        "frame_rate": round(float(track.frame_rate), 3),
        "frames": sum(s.frames for s in track.segments),
        "video_range": track.video_range,
    }


def _described_audio(track: AudioTrack) -> dict[str, Any]:
    described = {"language": track.language, "title": track.title, "channels": track.channels}
    return _described(track, "audio") | described
