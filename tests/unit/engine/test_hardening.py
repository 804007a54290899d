"""What a server that others can reach is held to: secrets that can't be guessed, and proxies that are named."""

from pathlib import Path
from typing import Any

import pytest

from vidcompute.errors import VidComputeError
from vidcompute.settings import Settings
from vidcompute.wiring import hardening

GOOD = "bQ7-fJx2_pLw9zTk"
PUBLIC = {"host": "0.0.0.0"}


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(data_dir=tmp_path, **given)


@pytest.mark.parametrize(
    ("given", "local"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "127.9.9.9", "base_url": "http://localhost:8550"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "::"}, False),
        ({"host": "192.168.1.5"}, False),
        ({"host": "video.internal"}, False),
        ({"base_url": "https://video.example"}, False),
    ],
)
def test_others_reach_it_by_its_address_or_by_its_public_one(
    tmp_path: Path, given: dict[str, Any], local: bool
) -> None:
    assert hardening.is_local(settings(tmp_path, **given)) == local


@pytest.mark.parametrize(
    "given",
    [
        {"database_url": "postgresql://video:video@db/video"},
        {"database_url": "postgresql://video:postgres123!@db/video"},
        {"database_url": "postgresql://db/video?user=ann&password=short"},
        {"redis_url": "redis://:a1B2c3@127.0.0.1/0"},
        {"redis_url": "redis://cache.internal/0"},
        {"broker_url": "amqp://guest:guest@127.0.0.1/"},
        {"broker_url": "amqp://broker.internal/"},
        {"smtp_url": "smtps://ann%40x.org:abababababababab@mail.example"},
        {"storage_access_key_id": "minioadmin", "storage_secret_access_key": "minioadmin"},
    ],
)
def test_secrets_that_can_be_guessed_end_the_start_where_others_reach_it(tmp_path: Path, given: dict[str, Any]) -> None:
    hardening.check(settings(tmp_path, **given))
    with pytest.raises(VidComputeError, match="secrets_weak") as told:
        hardening.check(settings(tmp_path, **PUBLIC, **given))
    (problem,) = told.value.problems
    (name,) = {name for name in given if name != "storage_access_key_id"}
    assert (problem.pointer, f"VIDCOMPUTE_{name.upper()}" in told.value.detail) == (f"/{name}", True)
    assert "openssl rand" in told.value.detail
    assert str(given[name]) not in told.value.detail, "values are told to nobody"


def test_secrets_that_were_drawn_are_fine(tmp_path: Path) -> None:
    urls = {
        "database_url": f"postgresql://video:{GOOD}@db/video",
        "redis_url": f"redis://:{GOOD}@cache.internal/0",
        "broker_url": "redis://127.0.0.1/1",
        "smtp_url": "smtp://mail.example",
    }
    hardening.check(settings(tmp_path, **PUBLIC, **urls, storage_secret_access_key=GOOD))
    hardening.check(settings(tmp_path, **PUBLIC, database_url="postgresql://video@/video?host=/run/postgresql"))


def test_a_key_that_somebody_made_up_is_none(tmp_path: Path) -> None:
    key = tmp_path / "api.key"
    key.write_text("vck_" + "abcd" * 10 + "abc\n")
    hardening.check(settings(tmp_path))
    with pytest.raises(VidComputeError, match="not drawn at random"):
        hardening.check(settings(tmp_path, **PUBLIC))
    token = tmp_path / "token"
    token.write_text("ray\n")
    key.unlink()
    with pytest.raises(VidComputeError, match="not drawn at random"):
        hardening.check(settings(tmp_path, **PUBLIC, executor="ray", ray_token_file=token))


def test_every_weak_secret_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(VidComputeError) as told:
        hardening.check(settings(tmp_path, **PUBLIC, redis_url="redis://:x@c/0", database_url="postgresql://u:u@d/v"))
    assert {problem.pointer for problem in told.value.problems} == {"/redis_url", "/database_url"}


def test_what_is_worth_a_second_look_is_told(tmp_path: Path) -> None:
    assert hardening.warnings(settings(tmp_path)) == []
    assert "BASE_URL" in hardening.warnings(settings(tmp_path, **PUBLIC))[0]
    assert "http://" in hardening.warnings(settings(tmp_path, base_url="http://video.example"))[0]
    assert hardening.warnings(settings(tmp_path, base_url="https://video.example")) == []


def test_secrets_of_the_settings_are_known_so_that_no_log_has_them(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        database_url=f"postgresql://video:{GOOD}@db/video",
        redis_url="redis://:postgres@c/0",
        storage_secret_access_key="another-Long_one1",
    )
    assert sorted(hardening.secrets_of(found)) == sorted([GOOD, "another-Long_one1"])


def test_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    found = settings(tmp_path, trusted_proxies="10.0.0.7, 192.168.4.9/22,fd00::/8")
    assert found.trusted_proxies == ("10.0.0.7", "192.168.4.0/22", "fd00::/8")
    assert hardening.proxies(found) == [
        *("10.0.0.7", "::ffff:10.0.0.7/128", "192.168.4.0/22", "::ffff:192.168.4.0/118", "fd00::/8"),
    ]
    assert hardening.proxies(settings(tmp_path)) == []


@pytest.mark.parametrize("proxies", ["*", "0.0.0.0/0", "::/0", "proxy.internal", "10.0.0.300"])
def test_nobody_trusts_everybody(tmp_path: Path, proxies: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        settings(tmp_path, trusted_proxies=proxies)
