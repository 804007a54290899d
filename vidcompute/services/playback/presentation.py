"""An asset as players see it: which tracks there are, which can be delivered, and where each file lies. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from vidcompute.errors import Kind, VidComputeError, not_found
from vidcompute.media import levels, playlists, remux, webvtt
from vidcompute.media.audio import AudioCut
from vidcompute.media.cmaf import SegmentInfo
from vidcompute.media.facts import SourceFacts
from vidcompute.media.ladder import Rung
from vidcompute.media.playlists import AudioTrack, Bandwidth, VideoTrack
from vidcompute.media.tracks import INIT_NAME
from vidcompute.pipeline.plan import PlanNode
from vidcompute.pipeline.recipes.layout import Layout
from vidcompute.pipeline.stages.package import Package
from vidcompute.pipeline.tracks import made_by
from vidcompute.services.playback.models import Snapshot
from vidcompute.services.states import AssetStatus

_PACKAGE = Package.name
_PEAK_MARGIN, _AVERAGE_SHARE = 1.1, 0.7  # what a rendition is said to need before it is measured


@dataclass(frozen=True)
class _Stretch:
    """The segments `[first, end)` of a track, and the plan's node that makes them."""

    first: int
    end: int
    node_id: str


@dataclass(frozen=True)
class Presentation:
    """One asset's streams now. `facts` and `layout` are None until the source was probed and streams were planned."""

    snapshot: Snapshot
    facts: SourceFacts | None
    layout: Layout | None

    @property
    def complete(self) -> bool:
        """Whether every rendition was made, checked and named by its playlists."""
        return _PACKAGE in self.snapshot.artifacts

    @property
    def opens(self) -> bool:
        """Whether it can be watched before all is made: there is a rung that plays first, or sound alone."""
        return self.layout is not None and (self.layout.timeline is None or self.layout.fast is not None)

    @property
    def playable(self) -> bool:
        """Whether there are streams that a viewer can start."""
        return self.complete or (self.layout is not None and self.snapshot.asset.status in {"playable", "ready"})

    @property
    def without_streams(self) -> bool:
        """Whether none are there or to come: none were asked for, or the job failed before any could be played."""
        none_asked = self.layout is None and self.facts is not None
        failed = not (self.complete or self.opens) and self.snapshot.asset.status == AssetStatus.ERRORED
        return none_asked or failed

    @property
    def expected_cpu_s(self) -> float:
        """The CPU seconds that all tracks, of picture and sound, are expected to take."""
        nodes = self.snapshot.plan.nodes if self.snapshot.plan else ()
        return sum(node.cost.cpu_s for node in nodes if made_by(node.stage, node.options))

    @cached_property
    def _stretches(self) -> Mapping[str, list[_Stretch]]:
        found: dict[str, list[_Stretch]] = {}
        for node in self.snapshot.plan.nodes if self.snapshot.plan else ():
            for track, first, end in _made_by(node):
                found.setdefault(track, []).append(_Stretch(first, end, node.id))
        return found

    @property
    def tracks(self) -> list[str]:
        """The names of all tracks of the plan."""
        return list(self._stretches)

    @cached_property
    def ready_tracks(self) -> list[str]:
        """The tracks of which every segment can be delivered within seconds."""
        if self.complete:
            return self.tracks
        if self.layout is None or not self.opens:
            return []
        fast = [self.layout.fast.name] if self.layout.fast else []
        return [*fast, *(cut.track for cut in self.layout.audio)]

    def stored(self, track: str, file_name: str) -> str | None:
        """Where a track's `init.mp4` or segment lies in storage for good; None while it is still to be made.

        Raises `track_not_found` or `segment_not_found` for what will never be.
        """
        stretches = self._stretches.get(track)
        if stretches is None:
            raise not_found("track", track)
        for stretch in stretches if file_name == INIT_NAME else (self._holding(stretches, track, file_name),):
            artifact = self.snapshot.artifacts.get(stretch.node_id)
            if artifact is not None:
                return f"{artifact.storage_prefix}/{track}/{file_name}"
        return None

    def _holding(self, stretches: Sequence[_Stretch], track: str, file_name: str) -> _Stretch:
        number = segment_number(file_name)
        for stretch in stretches:
            if stretch.first <= number < stretch.end:
                return stretch
        raise not_found("segment", f"{track}/{file_name}")

    def packaged(self, name: str) -> str | None:
        """Where a file of the package lies in storage; None until the package is made."""
        artifact = self.snapshot.artifacts.get(_PACKAGE)
        return None if artifact is None else f"{artifact.storage_prefix}/{name}"

    def multivariant(self, folder: str, *, planned: bool) -> str:
        """The multivariant playlist before the package is made: what can be delivered, or with `planned` all tracks.

        The addresses in it begin with `folder`.
        """
        layout = self._promised()
        rungs = layout.rungs if planned else [layout.fast] if layout.fast else []
        videos = [self._video_track(r, f"{folder}/{r.name}") for r in rungs]
        return playlists.multivariant_playlist(videos, [self._audio_track(cut, folder) for cut in layout.audio])

    def media_playlist(self, track: str) -> str:
        """A track's playlist before the package is made: its whole timeline, which is known from the probe."""
        layout = self._promised()
        for rung in layout.rungs:
            if rung.name == track:
                return playlists.media_playlist(self._video_track(rung, ""), self._target_s)
        for cut in layout.audio:
            if cut.track == track:
                return playlists.media_playlist(self._audio_track(cut, ""), self._target_s)
        raise not_found("track", track)

    def text_playlist(self) -> str:
        """The playlist of any text track: cut where the pictures are, or else the sound is."""
        edges, timescale = self._text_edges()
        return playlists.text_playlist(edges, timescale, self._target_s)

    def text_segment(self, cues: Sequence[webvtt.Cue], file_name: str) -> str:
        """A segment of a text track with these cues. Raises `segment_not_found`."""
        edges, timescale = self._text_edges()
        number = segment_number(file_name, ".vtt")
        if number >= len(edges) - 1:
            raise not_found("segment", file_name)
        start, end = edges[number : number + 2]
        return webvtt.segment(cues, 1000 * start // timescale, -(-1000 * end // timescale))

    def _text_edges(self) -> tuple[tuple[int, ...], int]:
        layout = self._promised()
        if layout.timeline is not None:
            return layout.timeline.boundaries(), layout.timeline.timescale
        return layout.audio[0].edges(), layout.audio[0].sample_rate

    def _promised(self) -> Layout:
        if self.without_streams:
            raise not_found("stream", self.snapshot.asset.playback_id)
        if self.layout is None or not (self.complete or self.opens):
            detail = "The video can't be played yet; try again in a moment."
            raise VidComputeError(Kind.UNAVAILABLE, "not_playable_yet", detail, extra={"retry_after_s": 1})
        return self.layout

    @cached_property
    def _target_s(self) -> int:
        layout = self._promised()
        tracks = [self._video_track(r, "") for r in layout.rungs[:1]]
        return playlists.target_duration_s([*tracks, *(self._audio_track(cut, "") for cut in layout.audio)])

    def _video_track(self, rung: Rung, folder: str) -> VideoTrack:
        layout, video = self._promised(), self.facts.video if self.facts else None
        if layout.timeline is None or video is None:
            raise not_found("track", rung.name)
        copied = layout.copied is not None and rung.name == layout.copied.name
        hdr = video.hdr and rung.keeps_hdr
        return VideoTrack(
            name=rung.name,
            codec_string=remux.codec_string(video) if copied else levels.codec_string(rung.codec, rung.level, hdr=hdr),
            timescale=layout.timeline.timescale,
            segments=_promise(layout.timeline.boundaries()),
            folder=folder,
            estimate=Bandwidth(int(rung.peak_bps * _PEAK_MARGIN), int(rung.peak_bps * _AVERAGE_SHARE)),
            width=rung.width_px,
            height=rung.height_px,
            frame_rate=layout.timeline.highest_rate,
            video_range=video.video_range if hdr else "SDR",
        )

    def _audio_track(self, cut: AudioCut, folder: str) -> AudioTrack:
        facts = self.facts.audio[int(cut.track.rpartition("-")[2])] if self.facts else None
        return AudioTrack(
            name=cut.track,
            codec_string="mp4a.40.2",
            timescale=cut.sample_rate,
            segments=_promise(cut.edges()),
            folder=f"{folder}/{cut.track}",
            estimate=Bandwidth(int(cut.bitrate_bps * _PEAK_MARGIN), cut.bitrate_bps),
            language=facts.language if facts else "und",
            title=facts.title if facts else "",
            default=facts.default if facts else False,
            channels=facts.channels if facts and cut.copy else 2,
            sample_rate=cut.sample_rate,
        )


def segment_number(file_name: str, suffix: str = ".m4s") -> int:
    """The number in a segment's file name. Raises `segment_not_found` for any other name."""
    stem = file_name.removesuffix(suffix)
    if not stem.isdecimal() or len(stem) > 9 or f"{int(stem)}{suffix}" != file_name:
        raise not_found("segment", file_name[:80])
    return int(stem)


@lru_cache(maxsize=16)  # a player asks for playlist after playlist of one timeline
def _promise(edges: tuple[int, ...]) -> tuple[SegmentInfo, ...]:
    """The segments between these ticks, of which nothing more is known yet."""
    return tuple(
        SegmentInfo(number, start, end - start, 0, 0, "") for number, (start, end) in enumerate(pairwise(edges))
    )


def _made_by(node: PlanNode) -> Iterator[tuple[str, int, int]]:
    """The tracks that a node makes, and which segments of each."""
    own = {sound["track"]: sound for sound in node.options.get("sounds", ())}
    for name in made_by(node.stage, node.options):
        cut: Mapping[str, Any] = own.get(name, node.options["cut"])
        first = cut.get("first_segment", 0)
        count = len(cut["gops"]) if "gops" in cut else len(cut["boundaries"]) - 1
        yield name, first, first + count
