"""What is the gateway's own: nodes remove nothing, damage is refused, signed URLs are used, absence is waited for."""

import os
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from tests.contract.gateway import Gateway, gateway_here
from tests.contract.site import FILM, serving
from tests.fixtures import swift
from tests.fixtures.cluster import free_port
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_gateway import GatewayStorage
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.errors import VidComputeError


async def put(storage: FolderStorage, folder: Path, key: str, content: bytes) -> None:
    (folder / "given").write_bytes(content)
    await storage.put(key, folder / "given")


async def test_nodes_remove_nothing(tmp_path: Path) -> None:
    with pytest.raises(VidComputeError, match="grant_exceeded"):
        await GatewayStorage([gateway_here().url], str(tmp_path)).delete_prefix("a")


def test_what_arrives_damaged_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    gateway_here().storage(tmp_path)
    headers = {"Authorization": f"Bearer {tmp_path}", "X-Content-SHA256": "0" * 64}
    answer = httpx2.put(f"{gateway_here().url}/internal/storage/a/b", content=b"x", headers=headers, trust_env=False)
    assert answer.json()["code"] == "body_damaged"
    assert list((tmp_path / "arriving").iterdir()) == []
    assert not (tmp_path / "storage" / "a").exists()


async def test_bytes_come_from_where_the_store_says_and_our_token_does_not_go_there(tmp_path: Path) -> None:
    with serving() as site:

        class Signing(FolderStorage):
            async def sign(
                self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
            ) -> str | None:
                return site.serve(f"/{key}") if method == "GET" else None

        behind = Signing(tmp_path / "storage")
        await put(behind, tmp_path, "film", b"not asked for")
        storage = gateway_here().storage(tmp_path, behind)
        assert (await storage.fetch("film", tmp_path / "to")).read_bytes() == FILM
        ((path, headers),) = site.seen
        assert path == "/film"
        assert "authorization" not in {name.lower() for name in headers}


@pytest.mark.parametrize("is_told", [False, True])
async def test_an_absent_server_is_waited_for_and_another_is_asked(tmp_path: Path, *, is_told: bool) -> None:
    later = Gateway(free_port())
    pauses: list[float] = []

    def pause(for_s: float) -> None:
        pauses.append(for_s)
        if len(pauses) == 1:
            later.start()

    later.storage(tmp_path)
    data = os.urandom(300_000)
    await put(FolderStorage(tmp_path / "storage"), tmp_path, "k", data)
    known = [f"http://127.0.0.1:{free_port()}", *([] if is_told else [later.url])]
    storage = GatewayStorage(
        known, str(tmp_path), elsewhere=lambda: [later.url] if is_told and pauses else [], pause=pause
    )
    assert (await storage.fetch("k", tmp_path / "to")).read_bytes() == data
    assert pauses


async def test_an_absence_has_an_end(tmp_path: Path) -> None:
    storage = GatewayStorage([f"http://127.0.0.1:{free_port()}"], "t", patience_s=0.0, pause=lambda _s: None)
    with pytest.raises(VidComputeError, match="storage_unavailable"):
        await storage.stat("k")


async def test_with_a_bucket_the_bytes_go_past_the_server(
    swift_server: swift.SwiftServer, swift_bucket: str, tmp_path: Path
) -> None:
    keys = {"access_key_id": swift.KEY, "secret_access_key": swift.SECRET}
    place = ObjectPlace("s3", swift_bucket, "library", swift_server.endpoint, swift.REGION)
    bucket = ObjectStorage(place, lambda: keys)
    node = gateway_here().storage(tmp_path, ObjectStorage(place, lambda: keys))
    tree = tmp_path / "tree"
    (tree / "video").mkdir(parents=True)
    data = os.urandom(700_000)
    (tree / "video" / "0.m4s").write_bytes(data)
    (tree / "init.mp4").write_bytes(b"init")
    await node.put_tree("made", tree)
    assert not (tmp_path / "arriving").exists()
    assert sorted((o.key, o.size_bytes) for o in await bucket.list("made")) == [
        ("made/init.mp4", 4),
        ("made/video/0.m4s", 700_000),
    ]
    assert (await node.fetch("made/video/0.m4s", tmp_path / "to")).read_bytes() == data
    assert b"".join([piece async for piece in node.read("made/video/0.m4s", 5, 300_005)]) == data[5:300_005]
    with pytest.raises(VidComputeError, match="object_not_found"):
        await node.fetch("made/nothing", tmp_path / "to")
