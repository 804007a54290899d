"""The platform as one process: it starts, knows its key, and ends as it should."""

import stat
from collections.abc import Callable
from pathlib import Path

from tests.fixtures.platform import Server


def test_a_server_starts_with_a_key_of_its_own_and_ends_with_0(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = start_server(data_dir=tmp_path / "nothing yet")
    assert stat.S_IMODE((server.data_dir / "api.key").stat().st_mode) == 0o600
    with server.client() as client:
        assert client.get("/health").status_code == 200
        assert client.get("/api/v1/jobs").status_code == 200
        assert client.get("/api/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert server.stop() == 0
    assert not (server.data_dir / "server.json").exists()


def test_a_killed_server_leaves_a_folder_that_the_next_one_takes_up(start_server: Callable[..., Server]) -> None:
    server = start_server()
    key = server.key
    server.kill()
    again = start_server(data_dir=server.data_dir)
    assert again.key == key
    assert again.stop() == 0
