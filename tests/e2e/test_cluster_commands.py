"""`vidctl cluster`: what a head shows, who may join it, and how a refusal reads."""

import json
import os
import signal
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.fixtures.cluster import RayCluster, free_port, shared, vidctl
from tests.fixtures.processes import alive, descendants
from tests.fixtures.waiting import wait_until
from vidcompute.wiring.cluster import authentication

EXIT = {"invalid": 3, "forbidden": 5, "conflict": 6, "unavailable": 7}


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[RayCluster]:
    """A head that ends with these tests: one that has nothing to do takes a tenth of a core."""
    with shared(tmp_path_factory.mktemp("ray")) as cluster:
        yield cluster


def refusal(data_dir: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    done = vidctl(data_dir, "cluster", *arguments, "--json", **environment)
    return done.returncode, str(json.loads(done.stdout or done.stderr)["error"]["code"])


def test_the_token_is_its_owners_alone_and_kept(ray_cluster: RayCluster) -> None:
    assert stat.S_IMODE(ray_cluster.token_file.stat().st_mode) == 0o600
    assert len(ray_cluster.token_file.read_text()) == 64
    before = ray_cluster.token_file.read_text()
    assert refusal(ray_cluster.folder / "head", "start") == (EXIT["conflict"], "cluster_running")
    assert ray_cluster.token_file.read_text() == before


def test_a_wrong_token_is_refused(ray_cluster: RayCluster, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0" * 64)
    told = refusal(tmp_path / "node", "join", ray_cluster.address, "--token-file", str(tmp_path / "token"))
    assert told == (EXIT["forbidden"], "cluster_token_refused")


def test_no_token_and_no_head_are_told_apart(ray_cluster: RayCluster, tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    assert refusal(tmp_path, "join", ray_cluster.address) == (EXIT["invalid"], "cluster_token_missing")
    token = ("--token-file", str(ray_cluster.token_file))
    assert refusal(tmp_path, "join", nowhere, *token) == (EXIT["unavailable"], "cluster_unreachable")


def test_other_versions_are_refused(ray_cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vidcompute.cli.local import NodeOptions
    from vidcompute.errors import VidComputeError
    from vidcompute.local.cluster import Cluster
    from vidcompute.settings import Settings

    for name, value in authentication(ray_cluster.token_file).items():
        monkeypatch.setenv(name, value)
    newer = Cluster(Settings(data_dir=tmp_path), ray_cluster.token_file, "99.0", cores=1.0, memory_bytes=2**30)
    with pytest.raises(VidComputeError, match=r"cluster_versions_differ: .*vidcompute .* there, 99\.0 here"):
        newer.join(ray_cluster.address, NodeOptions(host="127.0.0.1"))


def test_stop_ends_what_was_started_here_and_all_of_it(tmp_path: Path) -> None:
    assert json.loads(vidctl(tmp_path, "cluster", "stop", "--json").stdout) == {"stopped": False}
    cluster = RayCluster(tmp_path).start(cpus=1)
    head = cluster.nodes["head"]
    below = head.processes()
    assert len(below) > 3
    os.kill(head.pid, signal.SIGKILL)  # even where its topmost process was killed before
    vidctl(head.data_dir, "cluster", "stop")
    cluster.nodes.clear()
    wait_until(lambda: not alive(below), timeout_s=30, what="the end of its processes")
    assert not descendants(head.pid)
