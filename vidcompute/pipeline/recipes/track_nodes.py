"""The nodes of a plan that make tracks: what is long is cut by time, what is short is read once. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidcompute.media import encode, timeline
from vidcompute.media.audio import AudioCut
from vidcompute.media.facts import SourceFacts, VideoFacts
from vidcompute.media.timeline import Chunk, Timeline
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.pipeline.recipes import cost
from vidcompute.pipeline.recipes.encoding import Capacity, Choice
from vidcompute.pipeline.recipes.layout import Layout
from vidcompute.pipeline.stage import Cost
from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.remux import Remux
from vidcompute.pipeline.tracks import made_by

_INPUTS = {"source": (SOURCE,)}
_THREADS_BESIDE_HARDWARE = 4
_SOUNDS_AT_ONCE = 8  # one process has no pipes for all that a file may hold


@dataclass(frozen=True)
class Ladder:
    """What is to be made: all pictures of the layout, and these of its sounds; on what, and by which encoders."""

    facts: SourceFacts
    made: Layout
    sounds: tuple[AudioCut, ...]
    capacity: Capacity
    choice: Choice


def nodes(ladder: Ladder) -> list[PlanNode]:
    """The nodes that make the tracks, sounds first where they are by themselves."""
    picture = _Picture.of(ladder)
    if picture is not None and picture.is_made_at_once:
        return [picture.at_once()]
    sounds = [_sound(number, part) for number, part in enumerate(ladder.sounds)]
    return [*sounds, *(picture.nodes() if picture else ())]


def makers(made: Sequence[PlanNode]) -> dict[str, tuple[str, ...]]:
    """The ids of the nodes that make each track, in order of time."""
    found: dict[str, tuple[str, ...]] = {}
    for node in made:
        for name in made_by(node.stage, node.options):
            found[name] = (*found.get(name, ()), node.id)
    return found


def _sound(number: int, part: AudioCut) -> PlanNode:
    by = "" if part.copy else "aac"
    return PlanNode.of(f"audio/{number}", EncodeAudio(part), _INPUTS, _price_of_sound(part), by)


def _price_of_sound(part: AudioCut) -> Cost:
    return cost.audio(Fraction(part.boundaries[-1], part.sample_rate), copy=part.copy)


@dataclass(frozen=True)
class _Picture:
    """A ladder whose source has a picture."""

    ladder: Ladder
    video: VideoFacts
    line: Timeline

    @classmethod
    def of(cls, ladder: Ladder) -> "_Picture | None":
        video, line = ladder.facts.video, ladder.made.timeline
        return None if video is None or line is None else cls(ladder, video, line)

    @property
    def is_made_at_once(self) -> bool:
        """Whether one node makes all tracks: where they are short, and one piece of work in software.

        Beside hardware they stay apart, for what a device can't do is planned anew without it.
        """
        ladder = self.ladder
        is_fit = bool(ladder.made.encoded) and not ladder.choice.uses_hardware and len(ladder.sounds) <= _SOUNDS_AT_ONCE
        return is_fit and self._is_short and len(self._chunks) == 1

    @property
    def _is_short(self) -> bool:
        return self._price(self.line.duration, 1).cpu_s < cost.SHORT_S

    @property
    def _chunks(self) -> tuple[Chunk, ...]:
        """The pieces of work that the picture is encoded in."""
        # A source whose frames have no times is decoded from its first frame on, each time.
        counted = encode.is_counted(self.video, self.ladder.facts.container)
        return (self._whole,) if counted else timeline.chunks(self.line, self.video, self.ladder.capacity.cores)

    @property
    def _whole(self) -> Chunk:
        return timeline.stretch(self.line, self.video, 0, len(self.line.segments))

    def _cut(self, chunk: Chunk) -> encode.VideoCut:
        return encode.cut(self.line, self.video, self.ladder.facts.container, chunk)

    def _price(self, length_s: Fraction, threads: int) -> Cost:
        frames = float(length_s * self.line.frame_rate)
        return cost.video(self.video, self.ladder.made.encoded, self.ladder.choice.by, frames, threads)

    def at_once(self) -> PlanNode:
        """The node that reads a short source once, for all of its tracks."""
        made, sounds, choice = self.ladder.made, self.ladder.sounds, self.ladder.choice
        copied = made.copied.name if made.copied else ""
        whole = self._cut(self._whole)
        stage = Encode(whole, made.encoded, 1, choice.by, copied=copied, sounds=sounds, one_thread=True)
        prices = [self._price(self.line.duration, 1), *map(_price_of_sound, sounds)]
        prices += [cost.copy(self.line.duration)] if copied else []
        price = Cost(sum(one.cpu_s for one in prices), sum(one.wall_s for one in prices))
        by = dict.fromkeys((choice.name, *("aac" for sound in sounds if not sound.copy)))
        return PlanNode.of("encode/0", stage, _INPUTS, price, "+".join(by))

    def nodes(self) -> Iterator[PlanNode]:
        """The copy by itself, and the encodes in chunks."""
        made, choice = self.ladder.made, self.ladder.choice
        if made.copied:
            remux = Remux(made.copied.name, self._cut(self._whole))
            yield PlanNode.of("remux", remux, _INPUTS, cost.copy(self.line.duration))
        if not made.encoded:
            return
        chunks = self._chunks
        threads = self._threads(len(chunks))
        for chunk in chunks:
            part = self._cut(chunk)
            price = self._price(Fraction(part.end_ticks - part.start_ticks, part.timescale), threads)
            stage = Encode(part, made.encoded, threads, choice.by, choice.decoder, choice.simulated)
            yield PlanNode.of(f"encode/{chunk.number}", stage, _INPUTS, price, choice.name)

    def _threads(self, chunks: int) -> int:
        """Of each encoder: one costs the least where there are chunks for all cores; a lone chunk gets all of a node's.

        That is, unless it is short.
        """
        capacity = self.ladder.capacity
        threads = 1 if chunks >= capacity.cores else -(-capacity.cores // chunks)
        threads = min(threads, capacity.widest or threads)
        if self._is_short:
            threads = 1
        if self.ladder.choice.uses_hardware:  # what is left to do in software is little: other cores are for others
            threads = min(threads, _THREADS_BESIDE_HARDWARE)
        return threads
