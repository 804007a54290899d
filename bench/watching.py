"""Watching while the ladder encodes on the same cores: seeks past the frontier, and the move to the full ladder."""

import random
import statistics
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bench.client import Client, Uploaded
from bench.page import Seen, watch_page
from bench.processes import Platform, platform
from bench.results import BenchError, Figure, Report
from bench.run import Run
from bench.sources import Source

NAME = "watching"
_SEEK_LIMIT_S, _SPEED_LIMIT = 2.5, 0.25
_STALL_LIMIT_S, _SILENCE_LIMIT_MS = 0.2, 60
_ALMOST_DONE = 0.93  # of the ladder, when the page is opened that is to see the move
_BEFORE_MS = 5000.0  # the last chunk takes the place of fast segments before the ladder is complete
_AFTER_S = 6.0
_FRAME_WAIT_S = 0.2


@dataclass(frozen=True)
class _Lengths:
    """How long everything is."""

    seeks_source_s: int
    sample_s: float
    seeks: int
    move_source_s: int


_FULL = _Lengths(seeks_source_s=600, sample_s=60, seeks=50, move_source_s=240)
_QUICK = _Lengths(seeks_source_s=120, sample_s=6, seeks=4, move_source_s=32)


def measure(run: Run) -> Report:
    """For sound that is copied, and for kinds that are encoded."""
    lengths = _QUICK if run.quick else _FULL
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    with platform(run.work / NAME) as server:
        for sound in ("aac", "opus", "pcm"):
            source = run.sources.make("long-gop", lengths.seeks_source_s, sound=sound)
            found, details[f"{sound} seeks"] = _seeks(run, server, source, lengths)
            figures += [_titled(figure, sound) for figure in found]
            source = run.sources.make("long-gop", lengths.move_source_s, sound=sound)
            for place in ("from the start", "where segments are replaced"):
                found, details[f"{sound} move {place}"] = _move(run, server, source, last_chunk=place[0] == "w")
                figures += [_titled(figure, f"{sound}, {place}") for figure in found]
    return Report(NAME, tuple(figures), details)


def _titled(figure: Figure, title: str) -> Figure:
    name = f"{title}: {figure.name}"
    return Figure(name, figure.value, figure.unit, figure.limit, at_least=figure.at_least, note=figure.note)


# -- seeks ------------------------------------------------------------------------------------------------------------


def _seeks(run: Run, server: Platform, source: Source, lengths: _Lengths) -> tuple[list[Figure], dict[str, Any]]:
    """First frame, then the ladder's own speed, then seeks while it goes on."""
    choose = random.Random(1)
    with Client(server) as client, watch_page() as page:
        uploaded = client.submit(source)
        job = uploaded.answer
        opened_s = time.monotonic()
        first_frame_s = opened_s - uploaded.last_byte_s + page.open(f"{job['urls']['watch']}?autoplay=1")
        page.play_on(1)
    figures = [Figure("first frame, from the last byte of the upload", first_frame_s, "s")]
    with Client(server) as client:
        unwatched = _speed(client, job["id"], source, lengths.sample_s)
        with watch_page() as page:
            page.open(f"{job['urls']['watch']}?autoplay=1")
            began_s, began_at = time.monotonic(), _encoded_s(client, job["id"], source)
            took = []
            for _ in range(lengths.seeks):
                frontier_s = _encoded_s(client, job["id"], source)
                least_s = min(0.6 * source.seconds, frontier_s + 0.2 * source.seconds)
                took.append(page.seek(choose.uniform(least_s, source.seconds - 6)))
                page.play_on(choose.uniform(0.2, 1.5))
            gained_s = _encoded_s(client, job["id"], source) - began_at
            watched = gained_s / (time.monotonic() - began_s)
        client.delete_asset(job["asset_id"])
    run.say(f"seeks {sorted(round(s, 2) for s in took)}; ladder {unwatched:.2f} x unwatched, {watched:.2f} x watched")
    figures.append(Figure("seek past the frontier, p50", statistics.median(took), "s"))
    figures.append(Figure("seek past the frontier, p95", _p95(took), "s", _SEEK_LIMIT_S))
    kept = watched / unwatched if unwatched else 0.0
    figures.append(Figure("ladder speed, watched / unwatched", kept, "x", _SPEED_LIMIT, at_least=True))
    return figures, {"seeks_s": took, "unwatched": unwatched, "watched": watched}


def _p95(values: list[float]) -> float:
    """The least value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def _encoded_s(client: Client, job_id: str, source: Source) -> float:
    """How much of the source the ladder has done, all chunks together."""
    stages = {stage["name"]: stage for stage in client.job(job_id)["stages"]}
    return float(stages["encode"]["progress"]["fraction"]) * source.seconds if "encode" in stages else 0.0


def _speed(client: Client, job_id: str, source: Source, seconds: float) -> float:
    """Seconds of ladder a second, with nobody watching."""
    deadline_s = time.monotonic() + 120
    while _encoded_s(client, job_id, source) <= 0:
        if time.monotonic() > deadline_s:
            raise BenchError("the ladder did not begin")
        time.sleep(_FRAME_WAIT_S)
    began_s, before_s = time.monotonic(), _encoded_s(client, job_id, source)
    time.sleep(seconds)
    return (_encoded_s(client, job_id, source) - before_s) / (time.monotonic() - began_s)


# -- the move ---------------------------------------------------------------------------------------------------------


def _move(run: Run, server: Platform, source: Source, *, last_chunk: bool) -> tuple[list[Figure], dict[str, Any]]:
    """Watch the end of the encode: fast segments are played, and the full ladder takes their place."""
    with Client(server) as client:
        uploaded = client.submit(source)
        job = uploaded.answer
        _wait_until_almost_done(client, job["id"], source)
        start_s = _last_chunk_start_s(client, job["id"]) + 1 if last_chunk else 0.0
        with watch_page() as page:
            page.open(f"{job['urls']['watch']}?autoplay=1&start={start_s:.1f}")
            page.play_on(1)
            page.start_probe()
            page.wait_for_move(timeout_s=source.seconds)
            page.play_on(_AFTER_S)
            seen = page.read_probe()
        client.delete_asset(job["asset_id"])
    return _judged(run, seen, uploaded), vars(seen)


def _judged(run: Run, seen: Seen, uploaded: Uploaded) -> list[Figure]:
    if not seen.heard:
        raise BenchError(f"no sound was heard of job {uploaded.answer['id']}")
    since_ms = (seen.complete_ms or 0.0) - _BEFORE_MS
    stall_s, silence_ms = seen.longest_stall_ms(since_ms) / 1000, seen.longest_silence_ms(since_ms)
    all_ms = (seen.longest_stall_ms(0), seen.longest_silence_ms(0))
    run.say(f"{' -> '.join(seen.tracks)}; before as well: stall {all_ms[0]:.0f} ms, silence {all_ms[1]:.0f} ms")
    return [
        Figure("longest stall in the move to the full ladder", stall_s, "s", _STALL_LIMIT_S),
        Figure("longest gap in the sound", silence_ms, "ms", _SILENCE_LIMIT_MS),
    ]


def _wait_until_almost_done(client: Client, job_id: str, source: Source) -> None:
    deadline_s = time.monotonic() + 60 * source.seconds
    while _encoded_s(client, job_id, source) < _ALMOST_DONE * source.seconds:
        if time.monotonic() > deadline_s:
            raise BenchError("the ladder takes too long")
        time.sleep(_FRAME_WAIT_S)


def _last_chunk_start_s(client: Client, job_id: str) -> float:
    nodes = client.json(f"/api/v1/jobs/{job_id}/plan")["nodes"]
    cuts = [node["options"]["cut"] for node in nodes if node["stage"] == "encode"]
    return max(float(Fraction(cut["start_ticks"], cut["timescale"])) for cut in cuts)
