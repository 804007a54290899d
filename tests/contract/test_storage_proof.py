"""What `vidctl doctor` tries out of a storage, on real ones, and on one that lies."""

from pathlib import Path

import pytest

from tests.contract.test_storage import KEYS
from tests.fixtures import swift
from tests.fixtures.gcs import GoogleServer
from tests.fixtures.swift import SwiftServer
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.adapters.storage_proof import Proof, proofs
from vidcompute.ports.storage import ObjectInfo, Storage

SIGNED = ("storage signs", "a changed address is refused", "an old address is refused", "storage answers pages")
PLAIN = ("storage writes", "storage reads", "storage reads ranges", "storage lists")


async def proven(storage: Storage, folder: Path) -> dict[str, Proof]:
    return {proof.name: proof async for proof in proofs(storage, folder, redirect=True)}


async def test_a_bucket_passes_all(swift_server: SwiftServer, swift_bucket: str, tmp_path: Path) -> None:
    storage = ObjectStorage(ObjectPlace("s3", swift_bucket, "", swift_server.endpoint, swift.REGION), lambda: KEYS)
    found = await proven(storage, tmp_path)
    assert list(found) == [*PLAIN, *SIGNED, "storage deletes"]
    assert [proof for proof in found.values() if not proof.ok] == []
    assert await storage.list("doctor") == []


async def test_a_bucket_without_rules_for_pages_is_told(google_server: GoogleServer, tmp_path: Path) -> None:
    account = str(google_server.account_file)
    place = ObjectPlace("gs", google_server.make_bucket(), "", google_server.endpoint, service_account=account)
    found = await proven(ObjectStorage(place, dict), tmp_path)
    assert [proof.name for proof in found.values() if not proof.ok] == ["storage answers pages"]


async def test_a_folder_signs_nothing(tmp_path: Path) -> None:
    found = await proven(FolderStorage(tmp_path / "storage"), tmp_path)
    assert {name: proof.ok for name, proof in found.items()} == {
        **dict.fromkeys(PLAIN, True),
        "storage signs": None,
        "storage deletes": True,
    }


@pytest.mark.parametrize(("lie", "told"), [("read", "storage reads"), ("delete_prefix", "storage deletes")])
async def test_a_storage_that_does_not_do_what_it_says_is_told(tmp_path: Path, lie: str, told: str) -> None:
    class Lying(FolderStorage):
        async def put(self, key: str, source: Path) -> ObjectInfo:
            if lie == "read":
                source.write_bytes(b"other bytes")
            return await super().put(key, source)

        async def delete_prefix(self, prefix: str) -> int:
            return 1 if lie == "delete_prefix" else await super().delete_prefix(prefix)

    found = await proven(Lying(tmp_path / "storage"), tmp_path)
    assert found[told].ok is False
