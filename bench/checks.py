"""What our own code takes of a job: cutting, hashing, packaging, storing, and the server beside the programs it runs.

Each stage of a job is run in a fork, as an attempt runs it, and its own CPU is told apart from ffmpeg's. The server's
share is measured on a real job.
"""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench import machine
from bench.client import Client
from bench.cpu import own_cpu_s
from bench.ladder import Laid, lay_out
from bench.processes import Split, forked, platform
from bench.results import Figure, Report
from bench.run import Run
from bench.sources import Source
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.media import probe as probing
from vidcompute.media.digest import TreeDigest
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.ports.executor import InputRef
from vidcompute.runner import STAGES
from vidcompute.runner.forkserver import warm_up
from vidcompute.runner.publish import describe, publish
from vidcompute.runner.registry import Registry
from vidcompute.runner.work import LocalInput, LocalWork

NAME = "checks"
_CUTTING = frozenset({"encode", "audio", "remux"})


def measure(run: Run) -> Report:
    """Shares of all CPU of one job."""
    warm_up()
    source = run.sources.make("usual", 12 if run.quick else 120)
    laid = lay_out(source.path)
    with tempfile.TemporaryDirectory(dir=run.work) as folder:
        spent = _Attempts(laid, Path(folder)).all()
    server_s = _server(run, source)
    programs_s = sum(split.programs_s for kinds in spent.values() for split in kinds.values())
    own = {"server": server_s}
    for node, kinds in spent.items():
        for kind, split in kinds.items():
            name = _kind_of(node, kind)
            own[name] = own.get(name, 0.0) + split.own_s
    total = programs_s + sum(own.values())
    for name, cpu_s in sorted(own.items(), key=lambda item: -item[1]):
        run.say(f"{name:<28} {cpu_s:7.3f} s  {100 * cpu_s / total:6.2f} %")
    run.say(f"{'ffmpeg':<28} {programs_s:7.3f} s  {100 * programs_s / total:6.2f} %")
    code = {name: cpu_s for name, cpu_s in own.items() if name != "pictures (decoded in-process)"}
    figures = [Figure("our own code / all CPU of a job", sum(code.values()) / total, "x")]
    figures += [Figure(f"{name} / all CPU of a job", cpu_s / total, "x") for name, cpu_s in own.items()]
    return Report(NAME, tuple(figures), {"own_s": own, "programs_s": programs_s})


def _kind_of(node: str, kind: str) -> str:
    stage = node.partition("/")[0]
    if kind != "run":
        return kind
    if stage in _CUTTING:
        return "cutting segments"
    return {"package": "packaging", "probe": "probing"}.get(stage, "pictures (decoded in-process)")


class _Attempts:
    """Runs the nodes of a plan one after the other, each as an attempt would."""

    def __init__(self, laid: Laid, folder: Path) -> None:
        self._laid = laid
        self._folder = folder
        self._registry = Registry(STAGES)
        self._storage = FolderStorage(folder / "storage")
        self._facts: dict[str, Mapping[str, Any]] = {"probe": laid.facts_json}

    def all(self) -> dict[str, dict[str, Split]]:
        """By node: its run, the hash over its output, and storing that. The upload's hash stands with the probe."""
        self._output("probe").mkdir(parents=True)
        spent = {"probe": {"run": forked(self._probe), "hashing": forked(self._hash_source)}}
        for node in self._laid.plan.nodes:
            if node.id == "probe":
                continue
            output = self._output(node.id)
            output.mkdir(parents=True)
            kinds = {"run": forked(partial(self._run, node, output))}
            self._facts[node.id] = kinds["run"].result
            kinds["hashing"] = forked(_silent(partial(describe, output)))
            kinds["storing"] = forked(_silent(partial(publish, self._storage, f"orgs/bench/{node.id}", output)))
            spent[node.id] = kinds
            (self._folder / "storage" / "orgs" / "bench" / node.id).rename(output.with_name(f"{output.name}-stored"))
        return spent

    def _output(self, node_id: str) -> Path:
        return self._folder / node_id.replace("/", "-")

    def _probe(self) -> None:
        probing.probe(self._laid.path)

    def _hash_source(self) -> None:
        digest = TreeDigest()
        with self._laid.path.open("rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
        digest.finish()

    def _run(self, node: PlanNode, output: Path) -> dict[str, Any]:
        stage = self._registry.make(self._registry.find(node.stage, node.version), node.options)
        scratch = output.with_name(f"{output.name}-scratch")
        scratch.mkdir()
        inputs = {name: tuple(map(self._input, ids)) for name, ids in node.inputs.items()}
        work = LocalWork(
            output=output,
            scratch=scratch,
            ffmpeg=machine.ffmpeg_path(),
            inputs=inputs,
            providers={},
            send=lambda _: None,
            emits=False,
        )
        return stage.run(work)

    def _input(self, node_id: str) -> LocalInput:
        if node_id == SOURCE:
            return LocalInput(self._laid.path, InputRef("source", is_tree=False, facts={}))
        stored = self._output(node_id)
        path = stored.with_name(f"{stored.name}-stored")
        return LocalInput(
            path if path.is_dir() else stored, InputRef(node_id, is_tree=True, facts=self._facts[node_id])
        )


def _silent(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        work()

    return run


def _server(run: Run, source: Source) -> float:
    """CPU of the server's own process over a job: the upload, the database, the dispatcher."""
    with platform(run.work / NAME) as server, Client(server) as client:
        before_s = own_cpu_s(server.pid)
        job = client.submit(source).answer
        client.done(job["id"], timeout_s=60 * source.seconds, every_s=5)
        return own_cpu_s(server.pid) - before_s
