"""Which storage the settings choose, what is written down of it, and what is said of wrong ones."""

import stat
from pathlib import Path

import pytest

from vidcompute.errors import VidComputeError
from vidcompute.settings import Settings, explain
from vidcompute.wiring.storage import InForce, Place, place_of, read_in_force, settle

KEYS = {"storage_access_key_id": "AKIDEXAMPLE", "storage_secret_access_key": "hidden-secret"}


@pytest.fixture(autouse=True)
def _no_ambient_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket", Place(vendor="s3", bucket="bucket")),
        ("s3://bucket/a/b/", Place(vendor="s3", bucket="bucket", prefix="a/b")),
        ("gs://bucket/a", Place(vendor="gs", bucket="bucket", prefix="a")),
        ("/srv/video", Place(folder="/srv/video")),
        ("file:///srv/video", Place(folder="/srv/video")),
    ],
)
def test_an_address_names_a_place(tmp_path: Path, url: str, place: Place) -> None:
    settings = Settings(data_dir=tmp_path, storage_url=url)
    assert place_of(settings, None) == place
    assert place_of(Settings(data_dir=tmp_path), None) == Place(folder=str(tmp_path / "storage"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"storage_url": "ftp://bucket"}, "storage_url"),
        ({"storage_url": "s3://"}, "storage_url"),
        ({"storage_url": "s3://key:secret@bucket"}, "storage_url"),
        ({"storage_url": "somewhere/else"}, "storage_url"),
        ({"storage_url": "s3://b", "storage_access_key_id": "A"}, "storage_secret_access_key"),
        ({"storage_url": "gs://b", "storage_service_account": "/no/such/file.json"}, "storage_service_account"),
    ],
)
def test_what_can_be_no_place_is_told_by_its_name(tmp_path: Path, wrong: dict[str, str], named: str) -> None:
    with pytest.raises(VidComputeError, match=f"settings_invalid.*{named}"):
        place_of(Settings.model_validate({"data_dir": tmp_path, **wrong}), None)


def test_the_secret_is_written_for_the_owner_alone_and_shown_nowhere(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "storage_url": "s3://bucket/a", **KEYS})
    settle(settings)
    kept = tmp_path / "storage.key"
    assert "hidden-secret" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "hidden-secret" not in (tmp_path / "storage.json").read_text()
    shown = " ".join(f"{item.name}={item.value}" for item in explain(settings))
    assert "hidden-secret" not in shown + repr(settings)
    assert "AKIDEXAMPLE" not in shown + repr(settings)


def test_keys_of_the_vendors_tools_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    settle(Settings(data_dir=tmp_path, storage_url="s3://bucket"))
    assert "from-the-environment" in (tmp_path / "storage.key").read_text()
    settle(Settings.model_validate({"data_dir": tmp_path, "storage_url": "s3://bucket", **KEYS}))
    assert "from-the-environment" not in (tmp_path / "storage.key").read_text()


def test_settings_that_change_are_followed(tmp_path: Path) -> None:
    settle(Settings(data_dir=tmp_path))
    settle(Settings.model_validate({"data_dir": tmp_path, "storage_url": "s3://bucket", **KEYS}))
    assert read_in_force(tmp_path) == InForce(Place(vendor="s3", bucket="bucket"))
