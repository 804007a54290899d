"""What each kind of work costs on one core: the constants by which `pipeline/recipes/cost.py` estimates.

Each cost is the difference of two runs with one thread (with and without the step), so that reading and decoding do
not count twice. CPU seconds per million pixels, or per second of sound.
"""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import machine, peers
from bench.ladder import Laid, lay_out
from bench.processes import run as run_program
from bench.results import Figure, Report
from bench.run import Run
from bench.sources import Source
from vidcompute.media import encode
from vidcompute.media.ladder import Rung
from vidcompute.pipeline.recipes import cost
from vidcompute.pipeline.spec import MediaSpec, Rendition

NAME = "stages"
_HEIGHT = 720
_CODECS = ("h264", "hevc", "av1")


def measure(run: Run) -> Report:
    """All constants, beside the ones in force."""
    source = run.sources.make("usual", 6 if run.quick else 30)
    spec = MediaSpec(outputs=("hls",), renditions=tuple(Rendition(height=_HEIGHT, codec=c) for c in _CODECS))
    laid = lay_out(source.path, spec)
    with tempfile.TemporaryDirectory(dir=run.work) as folder:
        measured = _Costs(run, laid, source, Path(folder)).all()
    figures = []
    for name, value in measured.items():
        now = _in_force(name)
        run.say(f"{name:<24} {value:.5f}   (cost.py: {now:.5f}, {value / now:.2f} x)")
        unit = "s of CPU a second" if name in {"_AUDIO_ENCODE_S", "_COPY_S"} else "s of CPU a megapixel"
        figures.append(Figure(name, value, unit, note=f"in force: {now:.5f}"))
    return Report(NAME, tuple(figures))


def _in_force(name: str) -> float:
    """A constant of cost.py; `_ENCODE_S["h264"]` is one of a table."""
    table, _, key = name.partition("[")
    value = vars(cost)[table]
    return float(value[key.strip('"]')] if key else value)


class _Costs:
    """Runs ffmpeg with one step more, and one step less."""

    def __init__(self, run: Run, laid: Laid, source: Source, folder: Path) -> None:
        self._times = run.times(3)
        self._laid = laid
        self._source = source
        self._long = run.sources.make("conformant", 60 if run.quick else 600)
        self._folder = folder
        self._megapixels = laid.line.frame_count * laid.video.width * laid.video.height / 1e6

    def all(self) -> dict[str, float]:
        """Every constant by its name in cost.py."""
        rung = self._laid.rungs[0]
        small = self._laid.line.frame_count * rung.width_px * rung.height_px / 1e6
        opened = self._cpu_s(["-map", "0:v", "-c", "copy", "-f", "null", "-"])
        decoded = self._filtered("null")
        scaled = self._filtered(f"scale={rung.width_px}:{rung.height_px}:flags=bicubic,format=yuv420p")
        encoded = {r.codec: self._median(partial(self._encode, r)) for r in self._laid.rungs}
        return {
            "_DECODE_S": (decoded - opened) / self._megapixels,
            "_SCALE_S": (scaled - decoded) / small,
            **{f'_ENCODE_S["{codec}"]': (cpu_s - scaled) / small for codec, cpu_s in encoded.items()},
            "_TONE_MAP_S": self._tone_map(),
            "_AUDIO_ENCODE_S": self._cpu_s(["-map", "0:a", *peers.AAC, "-f", "null", "-"]) / self._source.seconds,
            "_COPY_S": self._copy_s(),
        }

    def _tone_map(self) -> float:
        # A tenth of the frames, marked as HDR10: the chain is the platform's own, taken from a command line of its.
        hdr = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
        few = "select=not(mod(n\\,10))"
        plain = self._filtered(f"{few},{hdr}")
        mapped = self._filtered(f"{few},{hdr},{_tone_map_chain(self._laid)}")
        return (mapped - plain) / (self._megapixels / 10)

    def _encode(self, rung: Rung) -> float:
        part = self._laid.stretch(0, len(self._laid.line.segments))
        target = f"file:{self._folder / rung.name}.mp4"
        line = encode.command(
            machine.ffmpeg_path(),
            ["-y", *_ONE_THREAD],
            encode.video_input(part, self._source.path),
            encode.encode_args(part, [(rung, target)], threads=1),
        )
        return run_program(line).cpu_s

    def _copy_s(self) -> float:
        """Of packets alone: what a process takes that copies nearly nothing is taken off."""
        target = ["-c", "copy", "-movflags", encode.FRAGMENTED, "-y", str(self._folder / "copy.mp4")]
        both = ["-map", "0:v", "-map", "0:a"]
        whole = self._cpu_s([*both, *target], self._long)
        least = self._cpu_s([*both, "-t", "0.1", *target], self._long)
        return (whole - least) / self._long.seconds

    def _filtered(self, chain: str) -> float:
        return self._cpu_s(["-map", "0:v", "-vf", chain, "-fps_mode", "passthrough", "-f", "null", "-"])

    def _cpu_s(self, arguments: Sequence[str], source: Source | None = None) -> float:
        start = [str(machine.ffmpeg_path()), "-nostdin", "-loglevel", "error", *_ONE_THREAD]
        line = [*start, "-i", str((source or self._source).path), *arguments]
        return self._median(lambda: run_program(line).cpu_s)

    def _median(self, measured: Callable[[], float]) -> float:
        return statistics.median(measured() for _ in range(self._times))


_ONE_THREAD = ("-threads", "1", "-filter_threads", "1", "-filter_complex_threads", "1")


def _tone_map_chain(laid: Laid) -> str:
    """The tone mapping filters as they stand in a command line for an HDR source."""
    part = replace(laid.stretch(0, 1), hdr=True)
    rung = replace(laid.rungs[0], codec="h264")
    graph = encode.encode_args(part, [(rung, "pipe:3")])[1]
    begin = graph.index("zscale=")
    return graph[begin : graph.index(",scale=", begin)]
