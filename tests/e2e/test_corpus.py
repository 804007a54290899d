"""Odd and bad files, submitted to one server that strace watches: each ends as it must, and none reaches out."""

import json
import re
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

import vidcompute
from tests.e2e import tracing
from tests.e2e.driving import Driver, Json
from tests.e2e.tracing import Record, TracedServer
from tests.media.corpus import CASES, Case, make
from tests.media.corpus_all import load

load()


class Corpus:
    """A watched server that was given files, and what became of each."""

    def __init__(self, driver: Driver, names: list[str], cache: Path, folder: Path) -> None:
        self.driver = driver
        self._answers = {name: self._submit(CASES[name], cache, folder / name) for name in names}
        self._jobs: dict[str, Json] = {}

    def _submit(self, case: Case, cache: Path, folder: Path) -> Json:
        folder.mkdir(parents=True)
        file = shutil.copyfile(make(case, cache, get_ffmpeg_exe()), folder / "file")
        with file.open("rb") as opened:
            parts = {"file": (case.file_name, opened, "application/octet-stream")}
            answer: Json = self.driver.http.post("/api/v1/jobs", data={"spec": json.dumps({})}, files=parts).json()
        return answer

    def outcome(self, name: str) -> Json:
        """The job that has ended, or the problem that the upload was answered with."""
        answer = self._answers[name]
        if "id" not in answer:
            return answer
        if name not in self._jobs:
            self._jobs[name] = self.driver.ended(answer["id"])
        return self._jobs[name]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Generator[Corpus]:
    folder = tmp_path_factory.mktemp("corpus")
    server = TracedServer(folder / "data", {"VIDCOMPUTE_CPU_COUNT": "2"})
    server.prepare().start()
    driver = Driver(server)
    try:
        yield Corpus(driver, list(CASES), pytestconfig.rootpath / ".cache" / "corpus", folder / "files")
    finally:
        driver.close()
        if server.process is not None and server.process.poll() is None:
            server.stop()


def _assert_ended_well(outcome: Json, case: Case) -> None:
    assert outcome.get("status") == "done", (outcome.get("error"), outcome.get("detail"))
    asset = outcome["asset"]
    assert asset["status"] == "ready"
    assert all(output["ready"] for output in outcome["outputs"])
    wanted, facts = case.facts, asset["facts"]
    if "display" in wanted:
        assert (asset["width_px"], asset["height_px"]) == wanted["display"]
    if "seconds" in wanted:
        assert abs(asset["duration_ms"] / 1000 - wanted["seconds"]) < 0.06
    if "audio" in wanted:
        assert len(facts["audio"]) == wanted["audio"]
    if isinstance(wanted.get("frames"), int):
        assert facts["video"]["frame_count"] == wanted["frames"]


def _assert_refused(outcome: Json, case: Case) -> None:
    if "code" in outcome:  # at the upload, before there was a job
        assert outcome["code"] in case.codes
        return
    assert outcome["status"] == "failed"
    assert outcome["error"]["code"] in case.codes, outcome["error"]
    assert outcome["asset"]["status"] == "errored"
    assert outcome["asset"]["error"]["code"] == outcome["error"]["code"]
    assert re.fullmatch(r"[A-Z].{20,}[.)?]", outcome["error"]["detail"])


@pytest.mark.timeout(600)  # the first one waits for all files to be made and submitted
@pytest.mark.parametrize("name", list(CASES))
def test_a_file_ends_as_it_must(corpus: Corpus, name: str) -> None:
    case = CASES[name]
    (_assert_refused if case.codes else _assert_ended_well)(corpus.outcome(name), case)


@pytest.mark.embedded  # strace follows the server's own children
def test_nothing_of_it_reached_out_or_read_what_is_not_its_own(corpus: Corpus) -> None:
    for name in CASES:
        corpus.outcome(name)
    _assert_kept_to_itself(corpus)


def _assert_kept_to_itself(corpus: Corpus) -> None:
    server = corpus.driver.server
    assert isinstance(server, TracedServer)
    corpus.driver.close()
    assert server.stop() == 0
    record = tracing.read(server.trace_path)
    ours = [reached for reached in record.reached() if "127.0.0.1" not in reached or not reached.startswith("bind")]
    assert ours == []
    attempts = _attempts(record)
    programs = {text.partition(",")[0] for process, text in record.programs.items() if process in attempts}
    assert programs == {f'"{get_ffmpeg_exe()}"'}
    opened = list(record.opened(attempts))
    assert len(opened) > 100
    data = str(server.data_dir)
    private = [path for path, _ in opened if re.search(r"/(api\.key|server\.json|vidcompute\.db[^/]*)$", path)]
    assert private == []
    tried = {path for path, _ in opened if path.startswith(("/etc/passwd", "/etc/hosts", "/etc/shadow"))}
    assert tried == set()
    allowed = (data, sys.prefix, sys.base_prefix, str(Path(vidcompute.__file__).parent), *_SYSTEM)
    strange = {path for path, got in opened if got and path.startswith("/") and not path.startswith(allowed)}
    assert strange == set()


# What starting Python and ffmpeg reads on any system.
_SYSTEM = (
    *("/lib", "/usr/lib", "/usr/local/lib", "/etc/ld.so.", "/etc/localtime", "/proc/", "/sys/devices/system/"),
    *("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero", "/sys/fs/cgroup"),
    *("/usr/share/", "/usr/local/share/fonts", "/etc/fonts", "/var/cache/fontconfig"),
)


def _attempts(record: Record) -> set[int]:
    """The processes of all attempts and calls: what descends from the warm child."""
    warm = [process for process, text in record.programs.items() if '"_runner"' in text]
    assert len(warm) == 1
    return record.below(warm[0])
