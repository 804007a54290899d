"""The recipe of an ordinary job: from what was probed and what was wanted to a plan. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vidcompute.errors import refused
from vidcompute.media import encode, timeline
from vidcompute.media.facts import SourceFacts
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode
from vidcompute.pipeline.recipes import cost, encoding, track_nodes
from vidcompute.pipeline.recipes.encoding import Capacity, Choice
from vidcompute.pipeline.recipes.layout import Layout, layout, mp4_rung
from vidcompute.pipeline.spec import Audio, Frames, Hls, MediaSpec, Mp4, Preview, Storyboard, Thumbnail
from vidcompute.pipeline.stage import Cost
from vidcompute.pipeline.stages.audio_file import AudioFile
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.frames import Frames as FramesStage
from vidcompute.pipeline.stages.mp4 import ProgressiveMp4
from vidcompute.pipeline.stages.package import AudioTrackInfo, Package, VideoTrackInfo
from vidcompute.pipeline.stages.poster import Poster
from vidcompute.pipeline.stages.preview import Preview as PreviewStage
from vidcompute.pipeline.stages.storyboard import Storyboard as StoryboardStage
from vidcompute.pipeline.stages.texts import SourceText, Texts
from vidcompute.pipeline.stages.vmaf import Vmaf

PROBE = "probe"
_IMAGES = {"source": (SOURCE,), "probe": (PROBE,)}


@dataclass(frozen=True)
class _Job:
    """What outputs are made of: the source, the layout of its tracks, and the nodes that hold each track's segments."""

    facts: SourceFacts
    made: Layout
    makers: Mapping[str, tuple[str, ...]]  # track name -> node ids in order of time


def plan(facts: SourceFacts, spec: MediaSpec, capacity: Capacity, probe: PlanNode) -> Plan:
    """The plan of a job. `probe` is the node that found the facts; the plan begins with it.

    Raises refused errors for what can't be made of this source, such as streams of a file without a track.
    """
    made = layout(facts, spec)
    nodes: list[PlanNode] = []
    makers: Mapping[str, tuple[str, ...]] = {}
    choice = Choice(())
    if any(isinstance(o, Hls | Mp4 | Audio) for o in spec.outputs):
        choice = _choice(facts, made, spec, capacity)
        nodes += _tracks(facts, made, spec, capacity, choice)
        makers = track_nodes.makers(nodes)
    if facts.texts and any(isinstance(o, Hls) for o in spec.outputs):
        nodes.append(_texts(facts))
    job = _Job(facts, made, makers)
    for number, output in enumerate(spec.outputs):
        nodes += _output(job, number, output)
    if spec.vmaf:
        nodes += _vmaf(job)
    distinct = {n.id: n for n in (probe, *sorted(nodes, key=_turn))}
    return Plan(
        tuple(distinct.values()), (*_notes(facts, made), *encoding.notes(made.encoded, choice, spec.hardware_encoding))
    )


def _choice(facts: SourceFacts, made: Layout, spec: MediaSpec, capacity: Capacity) -> Choice:
    if facts.video is None:
        return Choice(())
    streams = any(isinstance(o, Hls) for o in spec.outputs)
    wish, first = spec.hardware_encoding, made.fast if streams else None
    return encoding.choose(made.encoded, facts.video, capacity, wish=wish, plays_first=first)


def _turn(node: PlanNode) -> int:
    """What is quick and soon looked at comes before the long encodes; who needs others comes behind them."""
    if len(node.needs_nodes) > (PROBE in node.needs_nodes):
        return 3
    return 2 if node.stage in {Encode.name, FramesStage.name} else 1


def _tracks(facts: SourceFacts, made: Layout, spec: MediaSpec, capacity: Capacity, choice: Choice) -> list[PlanNode]:
    streams = any(isinstance(o, Hls) for o in spec.outputs)
    main = made.main_sound(facts)
    sounds = made.audio if streams or main is None else (main,)
    return track_nodes.nodes(track_nodes.Ladder(facts, made, sounds, capacity, choice))


def _output(job: _Job, number: int, output: Any) -> list[PlanNode]:
    facts = job.facts
    match output:
        case Hls():
            return [_package(job)]
        case Mp4():
            return [_mp4(job, output)]
        case Audio():
            return [_audio_file(job)]
        case Thumbnail():
            return [PlanNode.of("poster", Poster(output.time), _IMAGES, Cost(0.5, 0.4))]
        case Storyboard() | Preview() if facts.video is None:
            return []
        case Storyboard():
            return [PlanNode.of("storyboard", StoryboardStage(), _IMAGES, cost.decode(facts.video, share=0.035))]
        case Preview():
            return [PlanNode.of("preview", PreviewStage(), _IMAGES, Cost(1.5, 1.0))]
        case Frames():
            return [_frames(facts, number, output)]
    raise AssertionError(output)


def _frames(facts: SourceFacts, number: int, output: Frames) -> PlanNode:
    if facts.video is None:
        raise refused("frames_without_picture", "Frames were asked for, but the source has no picture.")
    price = cost.decode(facts.video, share=0.6)
    threads = 1 if price.cpu_s < cost.SHORT_S else 2
    stage = FramesStage(**output.model_dump(mode="json", exclude={"type"}), threads=threads)
    return PlanNode.of(f"frames/{number}", stage, _IMAGES, price)


def _texts(facts: SourceFacts) -> PlanNode:
    streams = tuple(SourceText(t.index, t.language, t.title, t.forced, t.captions) for t in facts.texts)
    stage = Texts(facts.container, round(1000 * facts.start), streams)
    return PlanNode.of("texts", stage, {"source": (SOURCE,)}, cost.copy(Fraction(facts.duration_ms, 1000)))


def _package(job: _Job) -> PlanNode:
    facts, made = job.facts, job.made
    rungs = {r.name: r for r in made.rungs}
    rate = (made.timeline.highest_rate if made.timeline else Fraction(0)).as_integer_ratio()
    video = tuple(VideoTrackInfo(r.name, r.codec, rate) for r in rungs.values())
    audio = tuple(
        AudioTrackInfo(part.track, facts.audio[n].language, facts.audio[n].title, facts.audio[n].default, 2)
        for n, part in enumerate(made.audio)
    )
    expected = {
        "frames": made.timeline.frame_count if made.timeline else 0,
        "segments": len(made.timeline.segments) if made.timeline else 0,
    }
    ids = tuple(dict.fromkeys(i for name in rungs for i in job.makers[name]))
    stage = Package(video, audio, expected["frames"], expected["segments"])
    inputs = {"video": ids, "audio": tuple(dict.fromkeys(job.makers[a.name][0] for a in audio))}
    return PlanNode.of("package", stage, {k: v for k, v in inputs.items() if v}, Cost(0.3, 0.3))


def _mp4(job: _Job, output: Mp4) -> PlanNode:
    made = job.made
    if job.facts.video is None:
        raise refused(
            "mp4_without_picture", 'A progressive MP4 was asked for, but there is no picture; ask for "audio".'
        )
    rung = mp4_rung(output, made.rungs)
    inputs = {"video": job.makers[rung.name]}
    main = made.main_sound(job.facts)
    if main is not None:
        inputs["audio"] = job.makers[main.track]
    price = cost.copy(made.timeline.duration if made.timeline else Fraction(0))
    stage = ProgressiveMp4(rung.name, main.track if main else None)
    return PlanNode.of(f"mp4/{rung.height}", stage, inputs, price)


def _audio_file(job: _Job) -> PlanNode:
    main = job.made.main_sound(job.facts)
    if main is None:
        raise refused("audio_missing", "The sound alone was asked for, but the source has none.")
    price = cost.copy(Fraction(job.facts.duration_ms, 1000))
    return PlanNode.of("audio_file", AudioFile(main.track), {"audio": job.makers[main.track]}, price)


def _vmaf(job: _Job) -> list[PlanNode]:
    facts, line = job.facts, job.made.timeline
    if facts.video is None or line is None:
        return []
    whole = encode.cut(line, facts.video, facts.container, timeline.stretch(line, facts.video, 0, len(line.segments)))
    return [
        PlanNode.of(
            f"vmaf/{rung.name}",
            Vmaf(rung.name, whole),
            {"source": (SOURCE,), "video": job.makers[rung.name]},
            cost.decode(facts.video, share=3.0),
        )
        for rung in job.made.encoded
    ]


def _notes(facts: SourceFacts, made: Layout) -> Iterator[str]:
    yield from facts.warnings
    if made.copied:
        yield f"The source's own picture is used as {made.copied.name}: it conforms, so it is not encoded again."
    elif made.reason:
        yield f"The picture is encoded: {made.reason}."
    if made.timeline and made.timeline.rule is timeline.RateRule.CONSTANT:
        yield f"Frames are resampled to a constant {float(made.timeline.frame_rate):.3f} a second."
    if facts.video and facts.video.hdr:
        yield "The picture's high dynamic range is mapped to standard range for H.264."
    if facts.texts:
        yield f"Texts in the source: {len(facts.texts)}; streams offer them as subtitles."
    for part in made.audio:
        yield f"{part.track} is {'copied' if part.copy else 'encoded to AAC'}."
