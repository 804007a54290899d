"""Settings: where they come from, and what is said when one is wrong."""

import json
from pathlib import Path

import pytest

from vidcompute import settings
from vidcompute.errors import VidComputeError
from vidcompute.media.ffmpeg import MAX_PIXELS, MAX_STREAMS
from vidcompute.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("VIDCOMPUTE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write_toml(text: str) -> None:
    Path("vidcompute.toml").write_text(text)


def test_defaults_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    found = settings.load()
    assert (found.host, found.port, found.data_dir) == ("127.0.0.1", 8550, Path("/somewhere/vidcompute"))
    assert found.public_url == "http://127.0.0.1:8550"
    assert found.effective_database_url == "sqlite:////somewhere/vidcompute/vidcompute.db"


def test_the_environment_goes_before_the_file_and_the_file_before_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml('port = 1\nhost = "::1"\ncors_origins = ["https://a.example"]\n')
    monkeypatch.setenv("VIDCOMPUTE_PORT", "2")
    found = settings.load()
    assert (found.port, found.host, found.cors_origins) == (2, "::1", ("https://a.example",))
    assert found.public_url == "http://[::1]:2"
    sources = {e.name: e.source for e in settings.explain(found)}
    assert (sources["port"], sources["host"], sources["max_attempts"]) == ("env", "toml", "default")
    assert sources.keys() == set(Settings.model_fields)


def test_lists_in_the_environment_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDCOMPUTE_EMBED_SITES", "https://a.example, https://b.example")
    assert settings.load().embed_sites == ("https://a.example", "https://b.example")


def test_terms_of_stages_are_tables_in_the_file_and_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("vidcompute.toml").write_text("[stages.fetch]\nmax_attempts = 9\n")
    assert settings.load().stages["fetch"].max_attempts == 9
    monkeypatch.setenv("VIDCOMPUTE_STAGES", '{"encode": {"timeout_s": 60}}')
    assert settings.load().stages["encode"].timeout_s == 60
    for text, said in (
        ('{"encode": {"timeout_s": 0}}', r"VIDCOMPUTE_STAGES is wrong at encode.timeout_s: input should be greater"),
        ('{"encode": {"attempts": 3}}', r"VIDCOMPUTE_STAGES is wrong at encode.attempts: extra inputs"),
        ("{encode", r"VIDCOMPUTE_STAGES is wrong: input should be a valid dictionary"),
    ):
        monkeypatch.setenv("VIDCOMPUTE_STAGES", text)
        with pytest.raises(VidComputeError, match=said):
            settings.load()


def test_a_wrong_value_is_told_by_its_name_its_source_and_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml("max_attempts = 0\n")
    monkeypatch.setenv("VIDCOMPUTE_PORT", "many")
    with pytest.raises(VidComputeError) as caught:
        settings.load()
    problems = {p.pointer: p.detail for p in caught.value.problems}
    assert problems.keys() == {"/port", "/max_attempts"}
    assert problems["/port"].startswith("the environment variable VIDCOMPUTE_PORT is wrong: input should be a valid")
    assert problems["/max_attempts"].startswith("max_attempts in vidcompute.toml is wrong: input should be greater")
    assert "many" not in caught.value.detail  # values may be secrets


@pytest.mark.parametrize(("name", "most"), [("max_pixels", MAX_PIXELS), ("max_streams", MAX_STREAMS)])
def test_no_source_is_let_in_that_ffmpeg_would_not_open(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:
    monkeypatch.setenv(f"VIDCOMPUTE_{name.upper()}", str(most))
    assert getattr(settings.load(), name) == most
    monkeypatch.setenv(f"VIDCOMPUTE_{name.upper()}", str(most + 1))
    with pytest.raises(VidComputeError, match=name.upper()):
        settings.load()


def test_an_unknown_name_in_the_file_is_an_error_and_in_the_environment_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDCOMPUTE_PROT", "1")
    monkeypatch.setenv("VIDCOMPUTE_API_KEY", "the client's")
    assert settings.unknown_variables() == ["VIDCOMPUTE_PROT"]
    write_toml("prot = 1\n")
    with pytest.raises(VidComputeError, match=r"prot in vidcompute\.toml is not a setting"):
        settings.load()


@pytest.mark.parametrize(("text", "detail"), [(None, "no such file"), ("port = [", "not valid TOML")])
def test_a_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, text: str | None, detail: str) -> None:
    monkeypatch.setenv("VIDCOMPUTE_CONFIG", "other.toml")
    if text is not None:
        Path("other.toml").write_text(text)
    with pytest.raises(VidComputeError, match=detail):
        settings.load()


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDCOMPUTE_DATABASE_URL", "postgresql://u:hunter2@db/x")
    found = settings.load()
    assert found.effective_database_url.endswith("hunter2@db/x")
    shown = str(settings.explain(found)) + settings.as_json(found) + repr(found)
    assert "hunter2" not in shown
    assert json.loads(settings.as_json(found))["port"] == 8550


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x y", "https://x?q"])
def test_a_public_url_is_a_plain_http_one(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VIDCOMPUTE_BASE_URL", url)
    with pytest.raises(VidComputeError, match="VIDCOMPUTE_BASE_URL"):
        settings.load()


def test_the_public_url_is_given_out_without_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDCOMPUTE_BASE_URL", "https://video.example/sub/")
    assert settings.load().public_url == "https://video.example/sub"


def test_the_example_names_every_setting_with_its_meaning_and_works_when_uncommented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = settings.env_example().splitlines()
    pairs = [line[2:].split("=", 1) for line in lines if line.startswith("# VIDCOMPUTE_")]
    assert {name for name, _ in pairs} == {f"VIDCOMPUTE_{name.upper()}" for name in Settings.model_fields}
    assert all(field.description for field in Settings.model_fields.values())
    for name, value in pairs:
        monkeypatch.setenv(name, value.replace("~", "/home/me"))
    defaults = Settings.model_construct()
    found = settings.load()
    for name in Settings.model_fields.keys() - {"data_dir"}:
        assert getattr(found, name) == getattr(defaults, name), name
