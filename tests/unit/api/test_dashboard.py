"""The dashboard's page, and how a browser without an account comes in by a key."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.unit.api.conftest import DASHBOARD, Platform

OURS = {"sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard/", "/dashboard/videos/asset_1?tab=files", "/dashboard/%2e%2e"]
)
async def test_every_address_below_gives_the_page(viewer: httpx2.AsyncClient, path: str) -> None:
    answer = await viewer.get(path)
    assert (answer.status_code, answer.text) == (200, DASHBOARD)
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "form-action 'none'"):
        assert part in policy


@pytest.mark.parametrize(
    ("path", "named"),
    [("", "overview"), ("/videos/", "list"), ("/videos/asset_1?tab=files", "video"), ("/no", None), ("/a/b", None)],
)
async def test_the_page_names_the_scripts_that_its_address_takes(
    viewer: httpx2.AsyncClient, tmp_path: Path, path: str, named: str | None
) -> None:
    scripts = {"": ["assets/overview.js"], "videos": ["assets/list.js"], "videos/*": ["assets/video.js"]}
    (tmp_path / "pages" / "dashboard.json").write_text(json.dumps(scripts))
    (tmp_path / "pages" / "dashboard.html").write_text("<head><title>Dashboard</title></head><body></body>")
    text = (await viewer.get(f"/dashboard{path}")).text
    link = f'<link rel="modulepreload" crossorigin href="/pages/assets/{named}.js">' if named else ""
    assert text == f"<head><title>Dashboard</title>{link}</head><body></body>"


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/account/reset", "/dashboard/reset"),
        ("/account/login?problem=account_wanted", "/dashboard/enter?problem=account_wanted"),
        ("/account/me", "/dashboard/settings?tab=account"),
        ("/account/security?tab=x", "/dashboard/settings?tab=account"),
    ],
)
async def test_where_mails_and_programs_lead_is_the_dashboard(
    viewer: httpx2.AsyncClient, address: str, page: str
) -> None:
    answer = await viewer.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")


@pytest.mark.parametrize("name", ["passwd", "unsubscribe.html", "..%2f..%2fapp.py"])
async def test_there_are_no_other_pages_of_accounts(viewer: httpx2.AsyncClient, name: str) -> None:
    assert (await viewer.get(f"/account/{name}")).status_code == 404


async def test_where_nothing_was_built_that_is_said(viewer: httpx2.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "pages" / "dashboard.html").unlink()
    answer = await viewer.get("/dashboard")
    assert (answer.status_code, answer.json()["code"]) == (404, "page_not_found")


async def enter(client: httpx2.AsyncClient, secret: str, **wish: object) -> httpx2.Response:
    headers = {**OURS, "Authorization": f"Bearer {secret}"}
    return await client.post("/api/v1/browser-key", headers=headers, json=wish)


async def test_a_browser_trades_a_key_for_one_that_its_scripts_cannot_read(
    stranger: httpx2.AsyncClient, platform: Platform
) -> None:
    answer = await enter(stranger, platform.key, name="Laptop")
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Secure"):
        assert part in cookie
    secret = cookie.partition("=")[2].partition(";")[0]
    assert secret.startswith("vck_")
    assert secret not in answer.text
    stranger.cookies.set("__Host-vidcompute_session", secret, domain="test.local")
    caller = await stranger.get("/api/v1/caller", headers=OURS)
    assert (caller.status_code, caller.json()["key_id"]) == (200, answer.json()["key_id"])
    assert (await stranger.get("/api/v1/keys", headers={"Authorization": f"Bearer {platform.key}"})).status_code == 200


async def test_a_link_is_good_once(stranger: httpx2.AsyncClient, client: httpx2.AsyncClient) -> None:
    made = (await client.post("/api/v1/keys", json={"name": "link", "scopes": ["*"]})).json()
    assert (await enter(stranger, made["secret"], once=True)).status_code == 201
    stranger.cookies.clear()
    again = await enter(stranger, made["secret"], once=True)
    assert (again.status_code, again.json()["code"]) == (401, "invalid_api_key")


async def test_a_browsers_key_does_no_more_than_the_key_it_came_with(
    stranger: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    narrow = (await client.post("/api/v1/keys", json={"name": "n", "scopes": ["keys:write", "keys:read"]})).json()
    made = await enter(stranger, narrow["secret"])
    key = (await client.get(f"/api/v1/keys/{made.json()['key_id']}")).json()
    assert key["scopes"] == ["keys:read", "keys:write"]
    reader = (await client.post("/api/v1/keys", json={"name": "n", "scopes": ["assets:read"]})).json()
    refused = await enter(stranger, reader["secret"])
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_pages_of_other_sites_get_in_by_neither_link_nor_cookie(
    stranger: httpx2.AsyncClient, platform: Platform, site: str
) -> None:
    headers = {"sec-fetch-site": site, "Authorization": f"Bearer {platform.key}"}
    refused = await stranger.post("/api/v1/browser-key", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    headers = {"sec-fetch-site": site, "cookie": f"__Host-vidcompute_session={platform.key}"}
    refused = await stranger.post("/api/v1/jobs/requeue", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")


async def test_a_revoked_browser_is_out(
    stranger: httpx2.AsyncClient, client: httpx2.AsyncClient, platform: Platform
) -> None:
    made = await enter(stranger, platform.key)
    secret = made.headers["set-cookie"].partition("=")[2].partition(";")[0]
    headers = {**OURS, "cookie": f"__Host-vidcompute_session={secret}"}
    assert (await stranger.get("/api/v1/caller", headers=headers)).status_code == 200
    await client.delete(f"/api/v1/keys/{made.json()['key_id']}")
    gone = await stranger.get("/api/v1/caller", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (401, "invalid_api_key")
