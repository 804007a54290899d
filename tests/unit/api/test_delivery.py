"""Who delivers: we, the store by signed addresses, or a CDN; texts and HEAD always we."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.api import streams
from vidcompute.api.delivery import Delivery
from vidcompute.api.viewing import Visit
from vidcompute.errors import VidComputeError
from vidcompute.services.playback import File


class Signing(FolderStorage):
    """A folder that has addresses of its own."""

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        named = f"&as={disposition}" if disposition else ""
        return f"https://bucket.example:9000/{key}?for={method}&until={expires_s}{named}"


def client(storage: FolderStorage, delivery: Delivery) -> TestClient:
    async def send(request: Request) -> Response:
        media_type = request.query_params.get("type", "video/mp4")
        cache = request.query_params.get("cache", "public, max-age=9")
        name = request.query_params.get("name")
        return await delivery.file(request, storage, "a/k.mp4", media_type, cache, download_name=name)

    return TestClient(Starlette(routes=[Route("/", send, methods=["GET", "HEAD"])]), follow_redirects=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "k.mp4").write_bytes(b"bytes")
    return tmp_path


def test_a_redirect_may_be_kept_for_half_of_the_signatures_life(folder: Path) -> None:
    answer = client(Signing(folder), Delivery(redirect=True, life_s=600)).get("/")
    assert answer.status_code == 307
    assert answer.headers["location"] == "https://bucket.example:9000/a/k.mp4?for=GET&until=600"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_download_is_called_as_we_would_call_it(folder: Path) -> None:
    answer = client(Signing(folder), Delivery(redirect=True, life_s=600)).get("/?name=Film.mp4")
    assert "&as=attachment;" in answer.headers["location"]
    assert "Film.mp4" in answer.headers["location"]


def test_what_is_private_is_kept_by_nobody_else(folder: Path) -> None:
    answer = client(Signing(folder), Delivery(redirect=True)).get("/?cache=private, max-age=9")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].endswith("&until=60")


def test_what_is_private_goes_past_a_cdn_that_is_open_to_all(folder: Path) -> None:
    delivery = Delivery(redirect=True, cdn_url="https://cdn.example/library")
    answer = client(Signing(folder), delivery).get("/?cache=private, max-age=9")
    assert answer.headers["location"].startswith("https://bucket.example:9000/")


@pytest.mark.parametrize("asked", ["GET /?type=text/vtt", "HEAD /"])
def test_texts_and_heads_come_from_us(folder: Path, asked: str) -> None:
    method, _, path = asked.partition(" ")
    answer = client(Signing(folder), Delivery(redirect=True)).request(method, path)
    assert (answer.status_code, answer.headers["content-length"]) == (200, "5")


def test_without_redirects_or_addresses_we_deliver(folder: Path) -> None:
    for storage, delivery in ((Signing(folder), Delivery()), (FolderStorage(folder), Delivery(redirect=True))):
        assert client(storage, delivery).get("/").content == b"bytes"


async def test_a_cdn_stands_for_the_store(folder: Path) -> None:
    delivery = Delivery(redirect=True, cdn_url="https://cdn.example/video")
    answer = client(FolderStorage(folder), delivery).get("/")
    assert answer.headers["location"] == "https://cdn.example/video/a/k.mp4"
    assert await delivery.origins(FolderStorage(folder)) == ("https://cdn.example",)
    assert await Delivery(redirect=True).origins(Signing(folder)) == ("https://bucket.example:9000",)
    assert await Delivery().origins(Signing(folder)) == ()


async def test_a_segment_that_goes_while_it_is_asked_for_is_not_there(tmp_path: Path) -> None:
    class Gone:
        async def file(self, *_: str) -> File:
            return File(path=tmp_path / "0.m4s")

    seen, given = cast(Any, SimpleNamespace(playback=Gone())), cast(Any, None)
    visit = Visit("0123456789abcdefghjkmnpq", "0123456789abcdefghjkmnpq", is_private=False)
    with pytest.raises(VidComputeError, match="segment_not_found"):
        await streams.segment(cast(Any, None), visit, "h264-480", "0.m4s", seen=seen, given=given)
