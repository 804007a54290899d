"""A picture for what has sound and no video: its loudness over time as a row of bars."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from PIL import Image, ImageDraw

from vidcompute.errors import refused
from vidcompute.media.decode import open_facts
from vidcompute.media.facts import AudioFacts, SourceFacts

Levels = np.ndarray[Any, np.dtype[np.float64]]

WIDTH, HEIGHT = 1280, 720
_BARS = 128
_RATE_HZ = 8000
_WHOLE_S = 1200  # up to this length all of the sound is heard; beyond it, a piece for each bar
_PIECE_S = Fraction(1, 4)
_OVERSAMPLING = 2
_TOP, _BOTTOM = (27, 24, 51), (13, 13, 24)
_LEFT, _RIGHT = (56, 214, 196), (146, 108, 255)


def levels(path: Path, facts: SourceFacts, bars: int = _BARS) -> Levels:
    """The root mean square of the first audio track in `bars` equal parts of its length, the loudest part being 1.

    Silence is all zeros. What can't be decoded counts as silence; no audio track that can be is `audio_undecodable`.
    """
    track = next((a for a in facts.audio if a.decodable), None)
    if track is None:
        raise refused("audio_undecodable", "There is no decoder for the audio of this source.")
    squares, counts = np.zeros(bars), np.zeros(bars)
    with open_facts(path, facts) as container:
        if track.duration <= _WHOLE_S:
            _listen(container, track, None, squares, counts)
        else:
            for bar in range(bars):
                container.seek(
                    int(track.start_pts + track.duration * bar / bars / track.time_base),
                    stream=container.streams[track.index],
                )
                _listen(container, track, _PIECE_S, squares, counts)
    loudness = np.sqrt(squares / np.maximum(counts, 1))
    return loudness / max(float(loudness.max()), 1e-9) if loudness.max() > 1e-4 else np.zeros(bars)


def _listen(
    container: InputContainer, track: AudioFacts, length: Fraction | None, squares: Levels, counts: Levels
) -> None:
    """Add the sound from here on, for `length` seconds or to the end, to the bars that it belongs to."""
    resampler = AudioResampler(format="flt", layout="mono", rate=_RATE_HZ)
    kind: tuple[str, str, int] | None = None
    heard = Fraction(0)
    stream = next(s for s in container.streams.audio if s.index == track.index)
    try:
        for frame in container.decode(stream):
            at = (frame.pts if frame.pts is not None else track.start_pts) - track.start_pts
            part = float(at * track.time_base / max(track.duration, Fraction(1, 1000)))
            bar = min(len(squares) - 1, max(0, int(part * len(squares))))
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if now != kind:  # broadcasts change their channels on the way, and a resampler takes one kind
                resampler, kind = AudioResampler(format="flt", layout="mono", rate=_RATE_HZ), now
            for plain in resampler.resample(frame):
                samples = plain.to_ndarray()
                squares[bar] += float(np.square(samples, dtype=np.float64).sum())
                counts[bar] += samples.size
                heard += Fraction(samples.size, _RATE_HZ)
            if length is not None and heard >= length:
                return
    except av.FFmpegError:
        return  # the rest is damaged


def draw(loudness: Levels) -> Image.Image:
    """The bars, mirrored about the middle, from green to violet on dark blue: WIDTH by HEIGHT pixels, mode RGB."""
    width, height = WIDTH * _OVERSAMPLING, HEIGHT * _OVERSAMPLING
    mask = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(mask)
    margin, pitch = width * 0.06, width * 0.88 / len(loudness)
    bar_width = pitch * 0.56
    for number, level in enumerate(loudness):
        left = margin + pitch * number + (pitch - bar_width) / 2
        half = max(bar_width / 2, float(level) ** 0.7 * height * 0.36)
        box = (left, height / 2 - half, left + bar_width, height / 2 + half)
        pen.rounded_rectangle(box, radius=bar_width / 2, fill=255)
    bars = _gradient(_LEFT, _RIGHT, (width, height), across=True)
    picture = _gradient(_TOP, _BOTTOM, (width, height), across=False)
    picture.paste(bars, mask=mask)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _gradient(
    first: tuple[int, int, int], last: tuple[int, int, int], size: tuple[int, int], *, across: bool
) -> Image.Image:
    steps = np.linspace(0, 1, size[0] if across else size[1])[:, np.newaxis]
    line = np.round(np.array(first) * (1 - steps) + np.array(last) * steps).astype(np.uint8)
    rows = np.broadcast_to(line[np.newaxis] if across else line[:, np.newaxis], (size[1], size[0], 3))
    return Image.fromarray(np.ascontiguousarray(rows))
