"""What settings choose: in this process where nothing is set, and a clear word where something is missing."""

import sys
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from vidcompute.adapters.fanout_memory import MemoryFanout
from vidcompute.adapters.rates_memory import MemoryRates
from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_moving import MovingStorage
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.dispatch.timers import Timer
from vidcompute.errors import VidComputeError
from vidcompute.ports.storage import DirectUploads, ScannableStorage
from vidcompute.settings import Settings, StageTerms
from vidcompute.wiring import identity, retention, sharing, stages, tracing, uploading


async def test_alone_a_server_shares_with_nobody(tmp_path: Path) -> None:
    made = sharing.shared(Settings(data_dir=tmp_path))
    assert isinstance(made.fanout, MemoryFanout)
    assert isinstance(made.rates, MemoryRates)
    assert made.checks == {}
    assert tracing.traces(Settings(data_dir=tmp_path), "1.0") is None
    await made.close()


async def test_an_extra_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("vidcompute.adapters.fanout_redis", "vidcompute.adapters.tracing_otlp"):
        monkeypatch.setitem(sys.modules, name, None)
    settings = Settings(data_dir=tmp_path, redis_url=SecretStr("redis://x"), otlp_endpoint="http://127.0.0.1:4318")
    with pytest.raises(VidComputeError, match=r"extra_missing: redis_url .*vidcompute\[redis\]"):
        sharing.shared(settings)
    with pytest.raises(VidComputeError, match=r"extra_missing: otlp_endpoint .*vidcompute\[tracing\]"):
        tracing.traces(settings, "1.0")


async def test_a_url_that_names_no_redis_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VidComputeError, match="settings_invalid: redis_url"):
        sharing.shared(Settings(data_dir=tmp_path, redis_url=SecretStr("http://x")))


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"oidc_issuer": "https://login.example.org"}, "oidc_client_id"),
        ({"oidc_issuer": "http://login.example.org", "oidc_client_id": "x"}, "https://"),
    ],
)
def test_a_provider_needs_what_belongs_to_it(tmp_path: Path, said: dict[str, Any], wrong: str) -> None:
    assert identity.sign_on(Settings(data_dir=tmp_path)) is None
    with pytest.raises(VidComputeError, match=f"settings_invalid: .*{wrong}"):
        identity.sign_on(Settings(data_dir=tmp_path, **said))


async def test_all_uploads_in_parts_share_the_bucket_that_is_in_force(tmp_path: Path) -> None:
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    old, new = (
        CachedStorage(ObjectStorage(ObjectPlace("s3", name, endpoint="http://x"), lambda: keys), tmp_path / name, 1)
        for name in ("old", "new")
    )
    tops: list[ScannableStorage] = [old, MovingStorage(new, old), new, FolderStorage(tmp_path / "folder")]
    storage = SwitchedStorage(lambda: tops[0])
    bucket = uploading.Bucket(storage)
    first = bucket()
    assert first is not None
    assert bucket() is first

    async def next_one() -> DirectUploads | None:
        del tops[0]
        await storage.switch()
        return bucket()

    second = await next_one()
    assert second is not None
    assert second is not first  # a library on its way to another bucket: what is new goes there
    assert "/new/" in second.part_url("k", "name", 1, 60)
    assert await next_one() is second
    assert await next_one() is None
    await bucket.close()


def test_times_of_clean_ups_that_are_none_are_refused(tmp_path: Path) -> None:
    nothing = cast(Any, None)

    def timers(**chosen: str) -> dict[str, Timer]:
        settings = Settings(data_dir=tmp_path).model_copy(update=chosen)
        return {timer.name: timer for timer in retention.timers(settings, nothing, nothing, "")}

    assert timers(cleanup_timezone="Europe/Berlin")["cleanup"].cron == "0 2 * * *"
    assert timers()["cleanup"].resumes
    for wrong in ({"cleanup_timezone": "Mars/Base"}, {"cleanup_timezone": "../x"}, {"cleanup_times": "at night"}):
        with pytest.raises(VidComputeError, match=f"settings_invalid: {next(iter(wrong))}"):
            timers(**wrong)


def test_retries_and_timeouts_are_by_stage(tmp_path: Path) -> None:
    asked = {"encode": StageTerms(max_attempts=7, timeout_s=90_000.0), "probe": StageTerms(retry_cap_s=5.0)}
    settings = Settings(data_dir=tmp_path, max_attempts=2, attempt_timeout_s=50_000.0, stages=asked)
    policy = stages.retry_policy(settings)
    assert [policy.of(name).max_attempts for name in ("encode", "probe", "fetch", "no_more_there")] == [7, 2, 6, 2]
    assert (policy.of("probe").cap_s, policy.of("encode").cap_s) == (5.0, settings.retry_cap_s)
    known = stages.registry(settings).every()
    assert [stages.timeout_s(settings, known[name]) for name in ("encode", "probe", "package")] == [
        90_000.0,
        1800.0,
        50_000.0,
    ]


def test_terms_of_a_stage_that_there_is_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VidComputeError, match=r"settings_invalid: .*'encod', which is none of: audio, .*encode"):
        stages.retry_policy(Settings(data_dir=tmp_path, stages={"encod": StageTerms(max_attempts=7)}))
