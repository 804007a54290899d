"""A whole job with nobody watching, against one bare ffmpeg that makes the same ladder, and against what others run.

Ours counts all that the server, its warm child and every attempt use from the first byte of the upload to the end of
the job: the ladder, the sound, poster, storyboard, preview, and the fast segments that are made for each new asset.
The others count the encode alone. All sides run the same ffmpeg, in one run, in alternating order.
"""

import shutil
import statistics
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import peers
from bench.client import Client
from bench.cpu import own_cpu_s
from bench.ladder import Laid, lay_out
from bench.peers import Task
from bench.processes import Platform, Spent, platform, run_in_turn
from bench.results import BenchError, Figure, Report
from bench.run import Run
from bench.sources import Source

NAME, NAME_REAL, NAME_PRESETS = "full_job", "real_footage", "presets"
_CPU_LIMIT, _WALL_LIMIT = 1.10, 1.15
_THREE_RUNS_LIMIT, _MEDIACMS_LIMIT = 0.88, 0.82
_SLOWEST = 40  # times real time after which a job is given up
_POLL_S = 5.0  # asking costs CPU, too; the end is taken from the server's clock

Side = Callable[[], Spent]
_PRESETS: dict[str, Callable[[Task], list[list[str]]]] = {
    "PeerTube's arguments": peers.peertube,
    "MediaCMS's arguments": peers.mediacms,
    "Shaka Streamer's defaults": peers.shaka,
}


def measure(run: Run) -> Report:
    """On ten minutes of generated footage, which is what the limits were set for."""
    return _measure(run, NAME, run.sources.make("usual", 60 if run.quick else 600))


def measure_real(run: Run) -> Report:
    """On three minutes of real footage."""
    return _measure(run, NAME_REAL, run.sources.make("real", 20 if run.quick else 180))


def measure_presets(run: Run) -> Report:
    """What others take by their own presets, in times of one process; on a short clip, for some take long."""
    laid = lay_out(run.sources.make("usual", 10 if run.quick else 60).path)
    figures = []
    with tempfile.TemporaryDirectory(dir=run.work, prefix="ladders-") as folder:
        one = _theirs(peers.one_process, laid, Path(folder) / "one")
        for name, way in _PRESETS.items():
            spent = _theirs(way, laid, Path(folder) / "other")
            run.say(f"{name}: {spent.cpu_s:.1f} s CPU, {spent.wall_s:.1f} s")
            figures.append(Figure(f"{name}: CPU / one bare ffmpeg", spent.cpu_s / one.cpu_s, "x"))
            figures.append(Figure(f"{name}: wall / one bare ffmpeg", spent.wall_s / one.wall_s, "x"))
    return Report(NAME_PRESETS, tuple(figures))


def _measure(run: Run, name: str, source: Source) -> Report:
    with (
        platform(run.work / name) as server,
        tempfile.TemporaryDirectory(dir=run.work, prefix="ladders-") as folder,
    ):
        figures, details = _compare(run, server, source, Path(folder))
    return Report(name, tuple(figures), details)


def _compare(run: Run, server: Platform, source: Source, folder: Path) -> tuple[list[Figure], dict[str, Any]]:
    laid = lay_out(source.path)
    if laid.layout.copied is not None:
        raise BenchError(f"{source.path.name} would be copied in part, and is no source to compare encodes with")
    stages: dict[str, Any] = {}
    sides: dict[str, Side] = {
        "vidcompute": partial(_ours, server, source, laid, stages),
        "one process": partial(_theirs, peers.one_process, laid, folder / "one"),
    }
    spent: dict[str, list[Spent]] = {name: [] for name in sides}
    for number in range(run.times(3)):
        for name in sorted(sides, reverse=number % 2 == 0):
            spent[name].append(sides[name]())
            run.say(f"{name}: {spent[name][-1].cpu_s:.1f} s CPU, {spent[name][-1].wall_s:.1f} s")
    figures = [
        Figure("CPU / one bare ffmpeg", _cpu(spent["vidcompute"]) / _cpu(spent["one process"]), "x", _CPU_LIMIT),
        Figure("wall / one bare ffmpeg", _wall(spent["vidcompute"]) / _wall(spent["one process"]), "x", _WALL_LIMIT),
        *_against_limits(run, laid, folder, spent),
    ]
    details = {name: [vars(one) for one in many] for name, many in spent.items()}
    return figures, {"spent": details, "stages": stages, "seconds": source.seconds, "threads": laid.threads}


def _cpu(spent: list[Spent]) -> float:
    return statistics.median(one.cpu_s for one in spent)


def _wall(spent: list[Spent]) -> float:
    return statistics.median(one.wall_s for one in spent)


def _against_limits(run: Run, laid: Laid, folder: Path, spent: dict[str, list[Spent]]) -> list[Figure]:
    """The two other ways that a limit was set against, once each on the whole length."""
    ours = _cpu(spent["vidcompute"])
    figures = []
    for name, way, limit in (
        ("three separate ffmpeg runs", peers.three_processes, _THREE_RUNS_LIMIT),
        ("MediaCMS's way at the same preset", partial(peers.mediacms_whole, preset="veryfast"), _MEDIACMS_LIMIT),
    ):
        spent[name] = [_theirs(way, laid, folder / "other")]
        run.say(f"{name}: {spent[name][0].cpu_s:.1f} s CPU, {spent[name][0].wall_s:.1f} s")
        figures.append(Figure(f"CPU / {name}", ours / spent[name][0].cpu_s, "x", limit))
    return figures


def _theirs(way: Callable[[Task], list[list[str]]], laid: Laid, folder: Path) -> Spent:
    spent = run_in_turn(way(laid.task(folder)))
    shutil.rmtree(folder)
    return spent


def _ours(server: Platform, source: Source, laid: Laid, stages: dict[str, Any]) -> Spent:
    """One job from its first byte to its end, by the server's own clock for the end."""
    cpu_s, own_s = server.meter.cpu_s(), own_cpu_s(server.pid)
    with Client(server) as client:
        uploaded = client.submit(source)
        job = client.done(uploaded.answer["id"], timeout_s=_SLOWEST * source.seconds, every_s=_POLL_S)
        spent_s = server.meter.cpu_s() - cpu_s
        _check(client, job, laid)
        stages["server process"] = own_cpu_s(server.pid) - own_s
        stages |= {stage["name"]: stage["spent"]["cpu_s"] for stage in job["stages"]}
        stages["meter"] = server.meter.kind
        ended_ms = datetime.fromisoformat(job["ended_at"]).timestamp() * 1000
        client.delete_asset(job["asset_id"])
    return Spent(spent_s, (ended_ms - uploaded.began_ms) / 1000)


def _check(client: Client, job: dict[str, Any], laid: Laid) -> None:
    """A ratio counts only when all that was asked for is there."""
    manifest = client.json(job["urls"]["stream"].removesuffix(".m3u8") + "/manifest.json")
    frames = {track["name"]: track["frames"] for track in manifest["tracks"] if track["kind"] == "video"}
    if frames != {rung.name: laid.line.frame_count for rung in laid.rungs}:
        raise BenchError(f"the job made {frames} frames of {laid.line.frame_count}")
    missing = [output["type"] for output in job["outputs"] if not output["ready"]]
    if missing:
        raise BenchError(f"the job is done, but lacks {missing}")
