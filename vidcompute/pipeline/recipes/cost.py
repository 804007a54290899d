"""What stages are expected to cost on one core: estimates for people and for placement."""

from fractions import Fraction

from vidcompute.media.encoders import is_hardware
from vidcompute.media.facts import VideoFacts
from vidcompute.media.ladder import Rung
from vidcompute.pipeline.stage import Cost

# CPU seconds per million pixels: rough figures, to be taken anew from `python -m bench stages`.
_DECODE_S = 0.0011
_SCALE_S = 0.0018
_ENCODE_S = {"h264": 0.0075, "hevc": 0.030, "av1": 0.0086}
_TONE_MAP_S = 0.0135
_AUDIO_ENCODE_S = 1 / 39  # per second of sound
_COPY_S = 1 / 900

SHORT_S = 3.0
"""CPU seconds below which work gets one thread, and is not raced: many at a time are done sooner so, and one is soon
done in any case."""


def video(facts: VideoFacts, rungs: tuple[Rung, ...], by: tuple[str, ...], frames: float, threads: int) -> Cost:
    """One decode and its encodes; what is done in hardware costs the CPU nothing but the frames' way there."""
    source = facts.width * facts.height / 1e6
    per_frame = source * (_DECODE_S + (_TONE_MAP_S if facts.hdr else 0))
    for rung, encoder in zip(rungs, by, strict=True):
        encoding = 0.0 if is_hardware(encoder) else _ENCODE_S[rung.codec]
        per_frame += rung.width_px * rung.height_px / 1e6 * (_SCALE_S + encoding)
    cpu_s = frames * per_frame
    return Cost(cpu_s, cpu_s / max(1, threads))


def audio(seconds: Fraction, *, copy: bool) -> Cost:
    """One sound track."""
    cost = float(seconds) * (_COPY_S if copy else _AUDIO_ENCODE_S)
    return Cost(cost, cost)


def copy(seconds: Fraction) -> Cost:
    """Taking packets over as they are."""
    return Cost(float(seconds) * _COPY_S, float(seconds) * _COPY_S)


def decode(facts: VideoFacts | None, *, share: float) -> Cost:
    """Looking at a share of all frames."""
    if facts is None:
        return Cost(0.2, 0.2)
    cpu_s = 0.2 + share * facts.frame_count * facts.width * facts.height / 1e6 * _DECODE_S
    return Cost(cpu_s, cpu_s)
