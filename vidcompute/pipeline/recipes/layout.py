"""What an asset's streams will look like: decided from the probe and the wish alone, before a frame is made."""

from dataclasses import dataclass, replace

from vidcompute.media import audio as sound
from vidcompute.media import encode, ladder, remux, timeline
from vidcompute.media.facts import SourceFacts, VideoFacts
from vidcompute.media.ladder import Rung, Wish
from vidcompute.media.timeline import Timeline
from vidcompute.pipeline.spec import Codec, Hls, MediaSpec, Mp4


@dataclass(frozen=True)
class Layout:
    """The tracks of an asset. `copied` is the rung that is taken from the source as it is; `encoded` are the others.

    `timeline` is None without a picture. `reason` says why nothing is copied.
    """

    timeline: Timeline | None
    copied: Rung | None
    encoded: tuple[Rung, ...]
    audio: tuple[sound.AudioCut, ...]
    reason: str | None

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Every rendition, best first."""
        return ((self.copied,) if self.copied else ()) + self.encoded

    def main_sound(self, facts: SourceFacts) -> sound.AudioCut | None:
        """The sound of what has but one: that which plays unless somebody chooses; None where there is none."""
        chosen = (cut for cut, track in zip(self.audio, facts.audio, strict=True) if track.default)
        return next(chosen, self.audio[0] if self.audio else None)

    @property
    def fast(self) -> Rung | None:
        """The rung that plays first: the copy, or the one that is made ahead of the others."""
        return self.copied or ladder.fast_rung(self.encoded)


def layout(facts: SourceFacts, spec: MediaSpec) -> Layout:
    """The layout of a source's streams under a spec."""
    if facts.video is None:
        return Layout(None, None, (), _audio(facts, None), None)
    _, rate = timeline.rate_rule(facts.video)
    rungs = _wanted(spec, ladder.rungs(facts.video, rate, _wishes(spec)))
    reason = remux.refusal(facts.video) or _container_refusal(facts) or _spec_refusal(spec, facts.video)
    copied = None
    if reason is None:
        copied = _copy_of(facts.video, next(r for r in rungs if r.codec == "h264"))
        rungs = tuple(r for r in rungs if r.codec != "h264" or r.height < copied.height)
    line = timeline.build(facts.video, on_keyframes=copied is not None)
    return Layout(line, copied, rungs, _audio(facts, line), reason)


def _audio(facts: SourceFacts, line: Timeline | None) -> tuple[sound.AudioCut, ...]:
    return tuple(sound.cut(facts, n, line) for n in range(len(facts.audio)))


def _wishes(spec: MediaSpec) -> tuple[Wish, ...] | None:
    if spec.renditions is None:
        return None
    return tuple(Wish(r.height, r.codec.value, r.bitrate_bps, r.quality) for r in spec.renditions)


def _wanted(spec: MediaSpec, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """All rungs for streams; for progressive files alone, only those that they are made of."""
    if any(isinstance(o, Hls) for o in spec.outputs):
        return rungs
    return tuple({mp4_rung(o, rungs).name: mp4_rung(o, rungs) for o in spec.outputs if isinstance(o, Mp4)}.values())


def mp4_rung(output: Mp4, rungs: tuple[Rung, ...]) -> Rung:
    """The rendition that a progressive file is made of: the nearest in height, H.264 where there is one."""
    candidates = [r for r in rungs if r.codec == "h264"] or list(rungs)
    if output.height is None:
        return candidates[0]
    wanted = output.height
    return min(candidates, key=lambda r: (abs(r.height - wanted), -r.height))


def _container_refusal(facts: SourceFacts) -> str | None:
    if facts.video and encode.is_counted(facts.video, facts.container):
        return "its container does not say when its frames are shown"
    return None


def _spec_refusal(spec: MediaSpec, video: VideoFacts) -> str | None:
    if not any(isinstance(o, Hls) for o in spec.outputs):
        return "no streams were asked for"
    if spec.renditions is None:
        return None
    own_size = [r for r in spec.renditions if r.codec is Codec.H264 and r.height >= min(video.width, video.height)]
    if not own_size:
        return "no H.264 rendition of its own size was asked for"
    nearest = min(own_size, key=lambda r: r.height)
    if nearest.quality is not None or nearest.bitrate_bps is not None:
        return "the best rendition was asked for with settings of its own"
    return None


def _copy_of(video: VideoFacts, best: Rung) -> Rung:
    """The source itself as a rung."""
    short_side = min(video.width, video.height)
    return replace(
        best,
        name=f"h264-{short_side}",
        height=short_side,
        width_px=video.width,
        height_px=video.height,
        quality=None,
        peak_bps=max(best.peak_bps, video.bitrate_bps * 3 // 2),
        level=video.level,
    )
