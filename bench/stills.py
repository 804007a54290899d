"""`frames` at one a second, as `frames.py` measures it."""

from bench import frames
from bench.results import Figure, Report
from bench.run import Run

NAME = "frames"


def measure(run: Run) -> Report:
    """The ratio of CPU seconds."""
    clip = run.sources.make("long-gop", 10 if run.quick else 60)
    ratio = frames.compare(clip.path, run.times(5))
    return Report(NAME, (Figure("1 a second: CPU / ffmpeg -vf fps=1 and a ZIP", ratio, "x", frames.LIMIT),))
