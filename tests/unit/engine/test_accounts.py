"""The built-in organization and its key."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from tests.unit.engine.toys import ORG
from vidcompute.db import schema
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import accounts


def test_the_key_is_made_once_and_readable_by_its_owner_alone(conn: Connection, tmp_path: Path) -> None:
    path = accounts.ensure_local(conn, tmp_path)
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert accounts.ensure_local(conn, tmp_path).read_text().strip() == secret
    assert accounts.authenticate(conn, secret).organization_id == ORG
    (kept,) = conn.execute(select(schema.api_keys)).all()
    assert secret not in str(kept)
    assert secret.startswith(kept.prefix)
    assert [p.name for p in tmp_path.iterdir()] == ["api.key"]


@pytest.mark.parametrize("wrong", ["", "vck_", "vck_" + "a" * 43, "x" * 5000])
def test_other_texts_are_no_keys(conn: Connection, tmp_path: Path, wrong: str) -> None:
    accounts.ensure_local(conn, tmp_path)
    with pytest.raises(VidComputeError) as caught:
        accounts.authenticate(conn, wrong)
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "invalid_api_key")


def test_a_revoked_key_is_none(conn: Connection, tmp_path: Path) -> None:
    secret = accounts.ensure_local(conn, tmp_path).read_text().strip()
    conn.execute(update(schema.api_keys).values(revoked_ms=1))
    with pytest.raises(VidComputeError, match="invalid_api_key"):
        accounts.authenticate(conn, secret)


@pytest.mark.parametrize("content", [None, "damaged", "vck_" + "A" * 43])
def test_a_key_file_and_a_database_that_do_not_belong_together_are_made_to(
    conn: Connection, tmp_path: Path, content: str | None
) -> None:
    path = accounts.ensure_local(conn, tmp_path)
    path.unlink()
    if content is not None:
        path.write_text(content)
        path.chmod(0o644)
    accounts.ensure_local(conn, tmp_path)
    assert accounts.authenticate(conn, path.read_text().strip()).organization_id == ORG
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
