"""From the last byte of an upload to the first segment over HTTP, on a warm server."""

import statistics
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from bench.client import Client, events
from bench.processes import Platform, platform
from bench.results import BenchError, Figure, Report
from bench.run import Run
from bench.sources import Source

NAME = "first_segment"
_SETTLE_S = 60.0


@dataclass(frozen=True)
class _Case:
    name: str
    video: str
    sound: str
    minutes: int
    limit_s: float
    index_first: bool = True
    resumable: bool = False


_CASES = (
    _Case("conformant, 10 min", "conformant", "aac", 10, 0.25),
    _Case("conformant, 10 min, index last", "conformant", "aac", 10, 0.25, index_first=False),
    _Case("conformant, 60 min", "conformant", "aac", 60, 0.4),
    _Case("conformant, 60 min, index last", "conformant", "aac", 60, 0.4, index_first=False),
    _Case("conformant, 10 min, by TUS", "conformant", "aac", 10, 0.25, resumable=True),
    _Case("conformant, 60 min, by TUS", "conformant", "aac", 60, 0.4, resumable=True),
    _Case("to be encoded (GOP 600), 10 min", "long-gop", "aac", 10, 1.1),
    _Case("to be encoded (GOP 600), 60 min", "long-gop", "aac", 60, 1.1),
    _Case("to be encoded (GOP 600), 10 min, by TUS", "long-gop", "aac", 10, 1.1, resumable=True),
    _Case("to be encoded (VP9, Opus), 10 min", "vp9", "opus", 10, 1.1),
    _Case("to be encoded (VP9, Opus), 60 min", "vp9", "opus", 60, 1.1),
)


def measure(run: Run) -> Report:
    """All cases on one server; the figure is the median, the breakdown goes into the details."""
    figures, details = [], {}
    with platform(run.work / NAME) as server:
        for resumable in (False, True):  # what is loaded at a first job is loaded now
            _once(server, run.sources.make("conformant", 8), resumable=resumable)
        for case in _CASES:
            seconds = 2 * case.minutes if run.quick else 60 * case.minutes
            source = run.sources.make(case.video, seconds, sound=case.sound, index_first=case.index_first)
            found = [_once(server, source, resumable=case.resumable) for _ in range(run.times(10, 2))]
            middle = {name: statistics.median(f[name] for f in found if name in f) for name in found[0]}
            run.say(f"{case.name}: {_breakdown(middle)}")
            figures.append(Figure(case.name, middle["segment"], "s", case.limit_s))
            details[case.name] = {"medians_s": middle, "first_segment_s": [f["segment"] for f in found]}
    return Report(NAME, tuple(figures), details)


def _breakdown(middle: dict[str, float]) -> str:
    steps = sorted(middle.items(), key=lambda item: item[1])
    return ", ".join(f"{name} {1000 * at_s:.0f} ms" for name, at_s in steps)


def _once(server: Platform, source: Source, *, resumable: bool = False) -> dict[str, float]:
    """Seconds from the last byte to each step, for one upload; everything is removed afterwards.

    Names in brackets are the server's own events, by the same machine's clock.
    """
    with Client(server) as viewer, Client(server) as sender:
        uploaded = sender.resumable(source) if resumable else sender.submit(source)
        job = uploaded.answer
        at_s = {"[201]": uploaded.answered_s, **_watch(viewer, job["urls"]["stream"])}
        steps = {name: when - uploaded.last_byte_s for name, when in at_s.items()}
        told = events(server, job["id"], until="asset.playable")
        for kind in ("task.running probe", "task.done probe", "job.planned", "asset.playable"):
            if kind in told:
                steps[f"[{kind}]"] = (told[kind] - uploaded.last_byte_ms) / 1000
        sender.delete_asset(job["asset_id"])
    _settle(server)
    return steps


def _watch(viewer: Client, stream_url: str) -> dict[str, float]:
    """Play as a player does that knows the address; when each answer was there in full."""
    at_s = {}
    text = viewer.get(stream_url).decode()
    at_s["master"] = time.monotonic()
    playlist_url = urljoin(stream_url, _first_uri(text))
    playlist = viewer.get(playlist_url).decode()
    at_s["playlist"] = time.monotonic()
    if not viewer.get(urljoin(playlist_url, "init.mp4")).startswith(b"\0\0\0"):
        raise BenchError("the init segment is no MP4")
    at_s["init"] = time.monotonic()
    segment = viewer.get(urljoin(playlist_url, _first_uri(playlist)))
    at_s["segment"] = time.monotonic()
    if b"moof" not in segment[:200] or b"mdat" not in segment[:200_000]:
        raise BenchError("the first segment is no fragment")
    return at_s


def _first_uri(playlist: str) -> str:
    return next(row for row in playlist.splitlines() if row and not row.startswith("#"))


def _settle(server: Platform) -> None:
    """Wait until nothing of the last asset is at work, and leave no fast segments of it behind."""
    deadline_s = time.monotonic() + _SETTLE_S
    work = server.data_dir / "work"
    while any(_folders(work)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    if any(_folders(work)):
        raise BenchError(f"attempts of a deleted asset are still at work: {_folders(work)}")
    time.sleep(0.2)


def _folders(work: Any) -> list[str]:
    return [path.name for path in work.iterdir()] if work.is_dir() else []
