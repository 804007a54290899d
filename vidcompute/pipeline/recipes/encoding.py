"""Which encoder makes which rendition: decided from what nodes can do and what was wanted. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidcompute.errors import refused
from vidcompute.media import encoders
from vidcompute.media.facts import VideoFacts
from vidcompute.media.ladder import QUALITY, Rung
from vidcompute.pipeline.spec import HardwareEncoding
from vidcompute.ports.executor import NodeInfo


@dataclass(frozen=True)
class Capacity:
    """What a plan may count on: the cores that work on one job, the most that one node has, what nodes can do.

    `abilities` are the hardware encoders and decoders of each kind of node. `hardware` is what the platform allows.
    """

    cores: int
    widest: int = 0  # 0: all are on one node
    abilities: tuple[frozenset[str], ...] = ()
    simulated: bool = False
    hardware: HardwareEncoding = HardwareEncoding.AUTO

    @classmethod
    def of(cls, nodes: Sequence[NodeInfo], hardware: HardwareEncoding = HardwareEncoding.AUTO) -> "Capacity":
        """What nodes have together; one core where there is none."""
        cores = [max(1, int(node.cpu)) for node in nodes] or [1]
        abilities = dict.fromkeys(frozenset((*node.encoders, *node.decoders)) for node in nodes if node.encoders)
        simulated = any(node.simulated for node in nodes)
        return cls(sum(cores), max(cores), tuple(abilities), simulated, hardware)


@dataclass(frozen=True)
class Choice:
    """The encoder of each rung, in order; the decoder in hardware, or nothing."""

    by: tuple[str, ...]
    decoder: str = ""
    simulated: bool = False

    @property
    def name(self) -> str:
        """What a plan calls it."""
        names = "+".join(dict.fromkeys(self.by))
        return f"{names} (simulated)" if self.simulated else names

    @property
    def uses_hardware(self) -> bool:
        """Whether any rung is made in hardware."""
        return any(map(encoders.is_hardware, self.by))


def choose(
    rungs: Sequence[Rung],
    video: VideoFacts,
    capacity: Capacity,
    *,
    wish: HardwareEncoding | None,
    plays_first: Rung | None,
) -> Choice:
    """The encoders of these rungs, all of which one node has: as many in hardware as there can be.

    In software stay the rung that `plays_first` (its segments take the place of those that were made on request, so
    both must be alike), pictures that hardware can't take, high dynamic range, and, unless hardware is required, those
    whose quality was given as a number of the software encoder. Raises `hardware_encoder_missing` (refused) where
    hardware is required and no node has it.
    """
    mode = _mode(capacity.hardware, wish)
    best = _software(rungs)
    if mode is not HardwareEncoding.OFF:
        fit = [r != plays_first and encoders.takes(r) and not video.hdr and _may(r, mode) for r in rungs]
        for abilities in capacity.abilities:
            for family in encoders.FAMILIES:
                found = _of_family(rungs, fit, family, abilities)
                if sum(map(encoders.is_hardware, found)) > sum(map(encoders.is_hardware, best.by)):
                    best = Choice(found, _decoder(video, family, abilities), capacity.simulated)
        if mode is HardwareEncoding.REQUIRED:
            _check(rungs, fit, best)
    return best


def _mode(platform: HardwareEncoding, wish: HardwareEncoding | None) -> HardwareEncoding:
    """What the job wants, where the platform allows any."""
    if platform is HardwareEncoding.OFF and wish is HardwareEncoding.REQUIRED:
        raise refused("hardware_encoder_missing", "Encoding in hardware is switched off on this server.")
    return platform if platform is HardwareEncoding.OFF or wish is None else wish


def _may(rung: Rung, mode: HardwareEncoding) -> bool:
    usual = rung.quality is None or rung.quality == QUALITY[rung.codec]
    return usual or mode is HardwareEncoding.REQUIRED


def _software(rungs: Sequence[Rung]) -> Choice:
    return Choice(tuple(encoders.SOFTWARE[rung.codec] for rung in rungs))


def _of_family(rungs: Sequence[Rung], fit: Sequence[bool], family: str, abilities: frozenset[str]) -> tuple[str, ...]:
    names = ((f"{rung.codec}_{family}", encoders.SOFTWARE[rung.codec]) for rung in rungs)
    return tuple(
        hardware if fits and hardware in abilities else software
        for fits, (hardware, software) in zip(fit, names, strict=True)
    )


def _decoder(video: VideoFacts, family: str, abilities: frozenset[str]) -> str:
    decoder = encoders.DECODERS[family]
    usable = decoder in abilities and encoders.decodes(video.codec, video.pixel_format)
    return decoder if usable else ""


def _check(rungs: Sequence[Rung], fit: Sequence[bool], best: Choice) -> None:
    missing = {
        rung.codec for rung, fits, by in zip(rungs, fit, best.by, strict=True) if fits and not encoders.is_hardware(by)
    }
    if missing:
        detail = f"Encoding in hardware is required, and no node can do it for {', '.join(sorted(missing))}."
        raise refused("hardware_encoder_missing", detail)


def notes(rungs: Sequence[Rung], choice: Choice, wish: HardwareEncoding | None) -> Iterator[str]:
    """What people are told of the choice; nothing where all is as usual."""
    if not choice.uses_hardware:
        if wish is HardwareEncoding.OFF:
            yield "Encoding in hardware is off for this job."
        return
    for name in dict.fromkeys(choice.by):
        made = [rung.name for rung, by in zip(rungs, choice.by, strict=True) if by == name]
        yield f"{name} encodes {', '.join(made)}."
    if choice.decoder:
        yield f"The source is decoded by {choice.decoder}."
    if choice.simulated:
        yield "Its nodes are only simulated: the work is done in software."
