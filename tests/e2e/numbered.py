"""Videos whose every frame carries its own number as bars that survive scaling and encoding, and their reader.

The upper quarter of the picture is twelve columns: white, ten bits of the frame's number (the lowest first), black.
The rest moves. The sound is a rising tone, so that a shift in time can be measured anywhere.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt

_COLUMNS = 12
RATE = 48_000
_WINDOW = RATE // 50
LIP_SYNC_S = 0.020

Source = Path | BinaryIO
Samples = npt.NDArray[np.float32]


def picture(size: str = "320x180", rate: str = "30", seconds: str = "16") -> list[str]:
    """An ffmpeg input: numbered moving pictures."""
    width, height = map(int, size.split("x"))
    level = "if(eq(X,0),235,if(eq(X,11),16,if(mod(floor(N/pow(2,X-1)),2),235,16)))"
    graph = (
        f"testsrc2=s={size}:r={rate}:d={seconds}[moving];"
        f"color=black:s={_COLUMNS}x1:r={rate}:d={seconds},format=gray,geq=lum='{level}',"
        f"scale={width}:{height // 8 * 2}:flags=neighbor[bars];"
        "[moving][bars]overlay=shortest=1,format=yuv420p"
    )
    return ["-f", "lavfi", "-i", graph]


def tone(seconds: str = "16", channels: int = 2, lowest_hz: int = 150, rise_hz: int = 60) -> list[str]:
    """An ffmpeg input: a tone that rises by `rise_hz` a second, the same in every channel."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    loudness = 0.4 if channels < 6 else 0.2
    wave = f"{loudness}*sin(2*PI*({lowest_hz}*t+{rise_hz / 2:g}*t*t))"
    graph = f"aevalsrc='{'|'.join([wave] * channels)}':s={RATE}:d={seconds}:c={layout}"
    return ["-f", "lavfi", "-i", graph]


def dubbed(film: Path, sound_: list[str], coding: list[str]) -> list[str]:
    """What makes a film of these pictures, as they are, with this sound (an input) in this coding."""
    return ["-i", str(film), *sound_, "-map", "0:v", "-map", "1:a", "-c:v", "copy", *coding]


def called(film: Path, title: str) -> list[str]:
    """What makes a file of its own of the same film, by another title."""
    return ["-i", str(film), "-c", "copy", "-metadata", f"title={title}"]


@dataclass(frozen=True)
class Shown:
    """One decoded frame: when it is shown, in seconds, and the number in its picture (None where it can't be read)."""

    time: Fraction
    number: int | None


def _number(frame: av.VideoFrame) -> int | None:
    gray = frame.to_ndarray(format="gray")
    height, width = gray.shape
    rows = gray[height // 16 : max(height // 16 + 1, height * 3 // 16)]
    edges = [(round((n + 0.25) * width / _COLUMNS), round((n + 0.75) * width / _COLUMNS)) for n in range(_COLUMNS)]
    levels = [float(rows[:, start:end].mean()) for start, end in edges]
    white, black = levels[0], levels[-1]
    if white - black < 60:
        return None
    return sum((level > (white + black) / 2) << bit for bit, level in enumerate(levels[1:-1]))


def frames(source: Source) -> list[Shown]:
    """Every frame that a plain decode gives, in order."""
    found = []
    with av.open(source, "r") as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert stream.time_base is not None
            found.append(Shown(frame.pts * stream.time_base, _number(frame)))
    return found


def numbers(source: Source) -> list[int | None]:
    """The number of every frame, in order."""
    return [shown.number for shown in frames(source)]


@dataclass(frozen=True)
class Sound:
    """Decoded sound as mono at 48 kHz, and when its first sample sounds, in seconds."""

    start: Fraction
    samples: Samples

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE


def sound(source: Source, track: int = 0) -> Sound:
    """The sound that a plain decode gives."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    pieces: list[Samples] = []
    start: Fraction | None = None
    with av.open(source, "r") as container:
        stream = container.streams.audio[track]
        for frame in container.decode(stream):
            if start is None:
                start = (frame.pts or 0) * Fraction(frame.time_base or stream.time_base or 1)
            pieces += [part.to_ndarray().reshape(-1).astype(np.float32) for part in resampler.resample(frame)]
        pieces += [part.to_ndarray().reshape(-1).astype(np.float32) for part in resampler.resample(None)]
    assert start is not None, "the file has no sound"
    return Sound(start, np.concatenate(pieces))


def lag(heard: Samples, original: Samples, *, reach_s: float = 0.3) -> int:
    """How many samples later `heard` has what `original` has: where their correlation is highest."""
    length = 1 << (len(heard) + len(original)).bit_length()
    product = np.fft.rfft(heard, length) * np.conj(np.fft.rfft(original, length))
    correlation = np.fft.irfft(product, length)
    reach = int(reach_s * RATE)
    lags = np.concatenate((np.arange(0, reach), np.arange(-reach, 0)))
    return int(lags[int(np.argmax(correlation[lags]))])


def worst_difference(heard: Samples, original: Samples) -> float:
    """The largest difference of two aligned sounds over 20 ms, as a share of the original's loudness.

    A sample that is missing or repeated anywhere shifts the phase of all that follows, and shows as 0.1 and more.
    The loudness of the whole may differ (a mix of channels); the very ends, where encoders fade, are left out.
    """
    length = min(len(heard), len(original)) // _WINDOW * _WINDOW
    first, second = heard[:length].astype(np.float64), original[:length].astype(np.float64)
    scale = float(first @ second) / float(second @ second)
    rest = (first - scale * second).reshape(-1, _WINDOW)
    loudness = float(np.sqrt(np.mean((scale * second) ** 2)))
    return float(np.sqrt((rest**2).mean(axis=1))[5:-5].max()) / loudness
