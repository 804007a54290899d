"""What every answer tells browsers: pages run nothing from elsewhere, nothing is guessed, nobody frames us."""

import re
from urllib.parse import urljoin

import httpx2
import pytest

from tests.unit.api.conftest import Platform

ANCESTORS = {
    "/docs": "'none'",
    "/dashboard/videos": "'none'",
    "/account/unsubscribe": "'none'",
    "/watch/none": "'self'",
    "/embed/none": "https://films.example",
}


@pytest.fixture
def sites() -> tuple[str, ...]:
    return ("https://films.example",)


def directives(answer: httpx2.Response) -> dict[str, list[str]]:
    """The policy of a page, by directive."""
    parts = [part.split() for part in answer.headers["content-security-policy"].split(";") if part.strip()]
    return {name: values for name, *values in parts}


@pytest.mark.parametrize("path", ANCESTORS)
async def test_pages_run_what_is_ours_alone_and_nothing_inline(viewer: httpx2.AsyncClient, path: str) -> None:
    answer = await viewer.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    policy = directives(answer)
    assert policy["script-src"] == ["'self'"]
    assert policy["base-uri"] == ["'none'"]
    assert policy.get("object-src", policy["default-src"]) == ["'none'"]
    assert policy["frame-ancestors"] == [ANCESTORS[path]], "the player alone may be framed, by the sites of the setting"
    assert policy.get("form-action", ["'none'"]) == ["'none'"]
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|javascript:", answer.text, re.IGNORECASE)


@pytest.mark.parametrize("path", ANCESTORS)
async def test_scripts_and_styles_of_pages_come_from_here(viewer: httpx2.AsyncClient, path: str) -> None:
    text = (await viewer.get(path)).text
    for address in re.findall(r'<(?:script|link rel="stylesheet")[^>]*(?:src|href)="([^"]+)"', text):
        assert "//" not in address
        file = await viewer.get(urljoin(path, address))
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["content-type"].partition(";")[0] in {"text/javascript", "text/css"}, address


async def test_every_answer_of_the_api_says_how_it_is_to_be_taken(
    stranger: httpx2.AsyncClient, platform: Platform
) -> None:
    asked = 0
    for path, item in platform.app.openapi()["paths"].items():
        if not path.startswith(("/api/", "/health", "/ready")):
            continue
        for method in item:
            answer = await stranger.request(method.upper(), re.sub(r"{\w+}", "x", path))
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"], path
            assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'", path
            assert "access-control-allow-origin" not in answer.headers, path
            asked += 1
    assert asked > 60


@pytest.mark.parametrize(
    "path",
    [
        "/stream/none.m3u8",
        "/stream/none/h264-480/0.m4s",
        "/image/none/thumbnail.jpg",
        "/image/none/thumbnail.gif",
        "/oembed?url=none",
    ],
)
async def test_players_on_other_sites_may_read_why_something_does_not_come(
    viewer: httpx2.AsyncClient, path: str
) -> None:
    answer = await viewer.get(path, headers={"Origin": "https://elsewhere.example"})
    assert answer.json()["status"] == answer.status_code >= 400
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "no-store"
