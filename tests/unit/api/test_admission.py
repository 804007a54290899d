"""Who may watch: public, signed and password-protected videos, towards every address that shows something of them."""

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.unit.api.conftest import URL, Platform, Stream
from vidcompute.api import sse, watch
from vidcompute.services import admission
from vidcompute.services.admission import Algorithm, Audience, Pass, door, tokens

Json = dict[str, Any]
SOON_S = 600
EVERYWHERE = {
    Audience.VIDEO: (
        *("/stream/{}.m3u8", "/stream/{}.mpd", "/stream/{}/h264-720/index.m3u8", "/stream/{}/h264-720/0.m4s"),
        *(f"/stream/{{}}/track_{'0' * 26}/{name}" for name in ("index.m3u8", "0.vtt", "track.vtt")),
        *("/stream/{}.mp4", "/stream/{}.m4a", "/stream/{}/manifest.json", "/watch/{}", "/watch/{}/state", "/embed/{}"),
    ),
    Audience.THUMBNAIL: ("/image/{}/thumbnail.jpg?time=1", "/image/{}/preview.webp"),
    Audience.STORYBOARD: ("/image/{}/storyboard.vtt", "/image/{}/storyboard-0.jpg"),
}


async def _video(client: httpx2.AsyncClient, policy: str = "signed") -> str:
    """A fresh asset; its playback ID."""
    made = await client.post("/api/v1/jobs", json={"input": URL, "title": "Mine", "playback_policy": policy})
    assert made.status_code == 201, made.text
    return str(made.json()["asset"]["playback_id"])


async def _key(client: httpx2.AsyncClient, algorithm: str = "ES256") -> Json:
    made = await client.post("/api/v1/signing-keys", json={"name": "backend", "algorithm": algorithm})
    assert made.status_code == 201, made.text
    found: Json = made.json()
    return found


def _token(key: Json, playback_id: str, **claims: Any) -> str:
    given = Pass(key["id"], round(time.time()) + SOON_S)
    return tokens.sign(
        key["id"], Algorithm(key["algorithm"]), key["private_key"], playback_id, replace(given, **claims)
    )


async def _let_in(viewer: httpx2.AsyncClient, playback_id: str, token: str, **headers: str) -> httpx2.Response:
    """The state of a video for who comes with a token, after the way that it sends them."""
    return await viewer.get(
        f"/watch/{playback_id}/state", params={"token": token}, headers=headers, follow_redirects=True
    )


def _refused(answer: httpx2.Response) -> str:
    assert answer.status_code == 403, answer.text
    return str(answer.json()["code"])


@pytest.mark.parametrize("audience", list(Audience))
async def test_nothing_of_a_private_video_is_shown_without_a_token(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, audience: Audience
) -> None:
    playback_id = await _video(client)
    for path in EVERYWHERE[audience]:
        for handle in (playback_id, f"{playback_id}~", f"{playback_id}~a~b", f"{playback_id}~~"):
            answer = await viewer.get(path.format(handle))
            assert answer.status_code == 403, path
            assert "Mine" not in answer.text


async def test_no_address_of_a_private_video_was_forgotten(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, document: dict[str, Any]
) -> None:
    """Every address that the API has for a playback ID, those to come among them."""
    playback_id = await _video(client)
    paths = [path for path, item in document["paths"].items() if "{playback_id}" in path and "get" in item]
    assert len(paths) > 10
    for path in paths:
        for file_name in ("0.m4s", "init.mp4", "iframes.m3u8", "storyboard.json"):
            asked = path.format(playback_id=playback_id, track="h264-720", file_name=file_name, suffix="jpg")
            assert (await viewer.get(asked)).status_code == 403, asked


async def test_what_follows_a_video_ends_when_its_viewer_may_not_any_more(
    platform: Platform, client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_FRESH_S", 0.01)
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(sse, "_CHECK_S", 0.0)
    monkeypatch.setattr(door, "_FRESH_S", 0.0)
    playback_id, key = await _video(client), await _key(client)
    inside = (await _let_in(viewer, playback_id, _token(key, playback_id))).url.path
    async with Stream(platform, inside.replace("/state", "/events")) as stream:
        await stream.until(lambda: "event: state" in stream.text)
        await client.delete(f"/api/v1/signing-keys/{key['id']}")
        await asyncio.wait_for(stream.ended.wait(), 10)


async def test_what_tells_of_a_private_video_is_kept_by_no_cache_of_many(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    playback_id, key = await _video(client), await _key(client)
    handle = (await _let_in(viewer, playback_id, _token(key, playback_id))).url.path.split("/")[2]
    answer = await viewer.get("/oembed", params={"url": f"https://video.test/watch/{handle}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, max-age=60"
    public = await viewer.get("/oembed", params={"url": f"https://video.test/watch/{await _video(client, 'public')}"})
    assert public.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_token_of_a_signing_key_lets_in(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, algorithm: Algorithm
) -> None:
    playback_id, key = await _video(client), await _key(client, algorithm)
    answer = await _let_in(viewer, playback_id, _token(key, playback_id))
    assert answer.status_code == 200, answer.text
    assert answer.json()["title"] == "Mine"


async def test_a_token_goes_no_further_than_the_address_that_it_came_with(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    playback_id, key = await _video(client), await _key(client)
    token = _token(key, playback_id)
    for path in (path for paths in EVERYWHERE.values() for path in paths):
        asked = path.format(playback_id)
        sent = await viewer.get(asked, params={"token": token})
        assert sent.status_code == 307, path
        assert token not in sent.headers["location"]
        there = httpx2.URL(f"http://test{asked}").join(sent.headers["location"])
        assert there.path.replace(_pass_of(there, playback_id), "") == httpx2.URL(asked).path
        assert (await viewer.get(there)).status_code in {200, 404, 503}  # nothing is made yet, but the door is open


def _pass_of(url: httpx2.URL, playback_id: str) -> str:
    """`~pass` in an address."""
    rest = url.path.partition(playback_id)[2]
    end = rest.find("/") if "/" in rest else rest.find(".")
    return rest if end < 0 else rest[:end]


async def test_what_is_asked_beside_the_token_is_kept(client: httpx2.AsyncClient, viewer: httpx2.AsyncClient) -> None:
    playback_id, key = await _video(client), await _key(client)
    query = f"planned=1&x=a%20b&token={_token(key, playback_id)}&y="
    sent = await viewer.get(f"/stream/{playback_id}.m3u8?{query}")
    assert sent.headers["location"].endswith(".m3u8?planned=1&x=a+b&y=")


async def test_a_token_for_one_video_does_not_open_another(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    one, other, key = await _video(client), await _video(client), await _key(client)
    token = _token(key, one)
    sent = await viewer.get(f"/watch/{one}/state", params={"token": token})
    pass_ = sent.headers["location"].partition("~")[2].partition("/")[0]
    for path in (path for paths in EVERYWHERE.values() for path in paths):
        assert (await viewer.get(path.format(other), params={"token": token})).status_code == 403
        assert (await viewer.get(path.format(f"{other}~{pass_}"))).status_code == 403


@pytest.mark.parametrize("audience", list(Audience))
async def test_a_token_opens_what_its_audience_says_and_nothing_else(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, audience: Audience
) -> None:
    playback_id, key = await _video(client), await _key(client)
    token = _token(key, playback_id, audiences=(audience,))
    for kind, paths in EVERYWHERE.items():
        for path in paths:
            answer = await viewer.get(path.format(playback_id), params={"token": token}, follow_redirects=True)
            assert (answer.status_code == 403) is (kind is not audience), path


def _part(said: Json) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def _forged(key: Json, playback_id: str) -> dict[str, str]:
    claims = {"sub": playback_id, "aud": "video", "exp": round(time.time()) + SOON_S}
    header = {"alg": key["algorithm"], "kid": key["id"]}
    own = ECKey.import_key(key["private_key"])
    public_pem = ECKey.import_key(key["public_key"]).as_pem(private=False)
    other = ECKey.generate_key("P-256")

    def made(signer: Any, **changed: Any) -> str:
        whole = header | {k: v for k, v in changed.items() if k in {"alg", "kid"}}
        said = claims | {k: v for k, v in changed.items() if k not in {"alg", "kid"}}
        said = {name: value for name, value in said.items() if value is not ...}
        return str(jwt.encode(whole, said, signer, algorithms=[whole["alg"]]))

    plain = [_part({"alg": "none", "kid": key["id"]}), _part(claims), ""]
    confused = f"{_part({'alg': 'HS256', 'kid': key['id']})}.{_part(claims)}"
    by_public_key = hmac.digest(public_pem, confused.encode(), "sha256")
    return {
        "signed by another key": made(other),
        "no signature": ".".join(plain),
        "the public key as a shared secret": f"{confused}.{urlsafe_b64encode(by_public_key).rstrip(b'=').decode()}",
        "another algorithm than the key's": made(RSAKey.generate_key(2048), alg="RS256"),
        "EdDSA": made(OKPKey.generate_key("Ed25519"), alg="EdDSA"),
        "a kid that is a path": made(own, kid="../../etc/passwd"),
        "a kid that is a statement": made(own, kid="skey_' OR 1=1 --"),
        "an unknown kid": made(own, kid="skey_" + "0" * 26),
        "expired": made(own, exp=round(time.time()) - 60),
        "no expiry": made(own, exp=...),
        "expiry as a text": made(own, exp="9999999999"),
        "no end of its time": made(own, exp=float("inf")),
        "not yet": made(own, nbf=round(time.time()) + 600),
        "no subject": made(own, sub=...),
        "wrong audience": made(own, aud="everything"),
        "no audience": made(own, aud=...),
        "one good audience beside a wrong one": made(own, aud=["video", "admin"]),
        "ip is no address": made(own, ip="everywhere"),
        "nonsense": "a.b.c",
        "nested too deeply": urlsafe_b64encode(b"[" * 3000).decode() + ".e30.e30",
        "empty": "",
        "far too long": "e30." * 5000,
    }


async def test_false_tokens_open_nothing(client: httpx2.AsyncClient, viewer: httpx2.AsyncClient) -> None:
    playback_id, key = await _video(client), await _key(client)
    for name, token in _forged(key, playback_id).items():
        answer = await viewer.get(f"/stream/{playback_id}.m3u8", params={"token": token})
        assert _refused(answer) == "playback_token_invalid", name


async def test_a_key_of_another_organization_opens_nothing(
    platform: Platform, client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    playback_id, key = await _video(client), await _key(client)
    await platform.deps.db.write(_move_key, key["id"])
    assert _refused(await _let_in(viewer, playback_id, _token(key, playback_id))) == "playback_token_invalid"


def _move_key(conn: Any, key_id: str) -> None:
    from sqlalchemy import insert, update

    from vidcompute.db.schema import organizations, signing_keys

    conn.execute(insert(organizations).values(id="org_other", name="other", created_ms=1))
    conn.execute(update(signing_keys).where(signing_keys.c.id == key_id).values(organization_id="org_other"))


async def test_a_revoked_key_lets_nobody_in_and_those_who_are_in_out(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    playback_id, key = await _video(client), await _key(client)
    token = _token(key, playback_id)
    inside = (await _let_in(viewer, playback_id, token)).url
    assert (await viewer.get(inside)).status_code == 200
    revoked = await client.delete(f"/api/v1/signing-keys/{key['id']}")
    assert revoked.json()["revoked_at"]
    assert door._FRESH_S <= 60 - 5  # with the age that a view of an asset may have
    monkeypatch.setattr(door, "_FRESH_S", 0.0)
    assert _refused(await viewer.get(inside)) == "playback_locked"
    assert _refused(await _let_in(viewer, playback_id, token)) == "playback_token_invalid"
    listed = (await client.get("/api/v1/signing-keys")).json()["items"]
    assert [(k["id"], k["revoked_at"] is not None, "private_key" in k) for k in listed] == [(key["id"], True, False)]


async def test_a_pass_ends_with_its_token(client: httpx2.AsyncClient, viewer: httpx2.AsyncClient) -> None:
    playback_id, key = await _video(client), await _key(client)
    inside = (await _let_in(viewer, playback_id, _token(key, playback_id, expires_s=round(time.time())))).url
    deadline = time.monotonic() + 10
    while (answer := await viewer.get(inside)).status_code == 200 and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert _refused(answer) == "playback_locked"


async def test_a_token_may_be_for_one_network(client: httpx2.AsyncClient, viewer: httpx2.AsyncClient) -> None:
    playback_id, key = await _video(client), await _key(client)
    here, elsewhere = _token(key, playback_id, ip="127.0.0.0/8"), _token(key, playback_id, ip="203.0.113.7")
    assert (await _let_in(viewer, playback_id, here)).status_code == 200
    assert _refused(await _let_in(viewer, playback_id, elsewhere)) == "playback_refused"


@pytest.mark.parametrize(
    ("referrer", "good"),
    [
        ("https://example.com/page", True),
        ("https://a.b.example.org/", True),
        ("https://video.test/embed/x", True),
        ("https://example.org/", False),
        ("https://example.com.evil.net/", False),
        ("https://notexample.com/", False),
        ("https://[example.com/", False),  # no address at all
        ("", False),
    ],
)
async def test_a_token_may_be_for_some_sites(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient, referrer: str, *, good: bool
) -> None:
    playback_id, key = await _video(client), await _key(client)
    token = _token(key, playback_id, referrers=("example.com", "*.example.org"))
    answer = await _let_in(viewer, playback_id, token, referer=referrer)
    assert answer.status_code == (200 if good else 403)


async def test_links_are_signed_for_those_who_have_a_key_of_the_api(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    made = (await client.post("/api/v1/jobs", json={"input": URL, "playback_policy": "signed"})).json()
    path = f"/api/v1/assets/{made['asset_id']}/signed-links"
    links = (await client.post(path, json={"expires_in_s": 60})).json()
    assert abs(time.time() + 60 - time.mktime(time.strptime(links["expires_at"][:19], "%Y-%m-%dT%H:%M:%S"))) < 5
    watch = httpx2.URL(links["urls"]["watch"])
    assert (await viewer.get(watch.path + "/state")).status_code == 200
    pictures = (await client.post(path, json={"audiences": ["thumbnail"]})).json()["urls"]
    assert (await viewer.get(httpx2.URL(pictures["watch"]).path)).status_code == 403
    assert (await client.post(path, json={"audiences": ["all"]})).status_code == 422
    assert (await client.post(path, json={"expires_in_s": 0})).status_code == 422
    public = (await client.post("/api/v1/jobs", json={"input": URL})).json()
    plain = (await client.post(f"/api/v1/assets/{public['asset_id']}/signed-links", json={})).json()
    assert plain["urls"] == public["urls"]


async def test_links_that_we_signed_are_taken_back(
    platform: Platform, client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    made = (await client.post("/api/v1/jobs", json={"input": URL, "playback_policy": "signed"})).json()
    path = f"/api/v1/assets/{made['asset_id']}/signed-links"

    async def state_of() -> str:
        links = (await client.post(path, json={"expires_in_s": 86_400 * 300})).json()
        return f"{httpx2.URL(links['urls']['watch']).path}/state"

    before = await state_of()
    assert (await viewer.get(before)).status_code == 200
    assert (await client.delete(path)).status_code == 204
    await platform.app.state.viewing.playback.view(made["asset"]["playback_id"], fresh=True)
    assert _refused(await viewer.get(before)) == "playback_locked"
    assert (await viewer.get(await state_of())).status_code == 200
    key = await _key(client)
    token = _token(key, made["asset"]["playback_id"])
    assert (await _let_in(viewer, made["asset"]["playback_id"], token)).status_code == 200, "it is another matter"
    unknown = await client.delete("/api/v1/assets/asset_00000000000000000000000000/signed-links")
    assert unknown.status_code == 404


async def test_a_password_opens_until_it_is_changed(
    platform: Platform, client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    made = (await client.post("/api/v1/jobs", json={"input": URL})).json()
    asset, playback_id = f"/api/v1/assets/{made['asset_id']}", made["asset"]["playback_id"]
    assert (await client.patch(asset, json={"playback_policy": "password"})).json()["code"] == "password_missing"
    changed = await client.patch(asset, json={"playback_policy": "password", "password": "open sesame"})
    assert changed.json()["playback_policy"] == "password"
    assert "sesame" not in changed.text
    playback = platform.app.state.viewing.playback
    await playback.view(playback_id, fresh=True)
    assert _refused(await viewer.get(f"/watch/{playback_id}/state")) == "password_needed"
    unlock = f"/watch/{playback_id}/unlock"
    assert _refused(await viewer.post(unlock, json={"password": "open barley"})) == "password_wrong"
    handle = (await viewer.post(unlock, json={"password": "open sesame"})).json()["handle"]
    assert (await viewer.get(f"/watch/{handle}/state")).status_code == 200
    await client.patch(asset, json={"password": "another one"})
    await playback.view(playback_id, fresh=True)
    assert _refused(await viewer.get(f"/watch/{handle}/state")) == "password_needed"


async def test_passwords_can_not_be_tried_for_long(client: httpx2.AsyncClient, viewer: httpx2.AsyncClient) -> None:
    made = (await client.post("/api/v1/jobs", json={"input": URL})).json()
    asset = f"/api/v1/assets/{made['asset_id']}"
    await client.patch(asset, json={"playback_policy": "password", "password": "open sesame"})
    unlock = f"/watch/{made['asset']['playback_id']}/unlock"
    tries = [(await viewer.post(unlock, json={"password": f"guess {n}"})).status_code for n in range(7)]
    assert tries[:3] == [403] * 3
    assert tries[-1] == 429


async def test_a_public_video_has_no_password_to_ask_for(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    playback_id = await _video(client, "public")
    answer = await viewer.post(f"/watch/{playback_id}/unlock", json={"password": "x"})
    assert answer.status_code == 404


async def test_an_organization_has_so_many_signing_keys_at_a_time(
    platform: Platform, client: httpx2.AsyncClient
) -> None:
    limits = replace(platform.deps.limits, max_signing_keys=1)
    platform.app.state.deps = replace(platform.deps, limits=limits)
    first = await _key(client)
    full = await client.post("/api/v1/signing-keys", json={"name": "another"})
    assert (full.status_code, full.json()["code"], full.json()["limit"]) == (409, "signing_keys_full", 1)
    await client.delete(f"/api/v1/signing-keys/{first['id']}")
    await _key(client)


async def test_one_may_bring_the_public_half_of_ones_own_key(
    client: httpx2.AsyncClient, viewer: httpx2.AsyncClient
) -> None:
    own = RSAKey.generate_key(2048)
    body = {"name": "mine", "algorithm": "RS256", "public_key": own.as_pem(private=False).decode()}
    made = (await client.post("/api/v1/signing-keys", json=body)).json()
    assert made["private_key"] is None
    playback_id = await _video(client)
    token = _token({**made, "private_key": own.as_pem(private=True).decode()}, playback_id)
    assert (await _let_in(viewer, playback_id, token)).status_code == 200
    for pem in (own.as_pem(private=True).decode(), "no key", RSAKey.generate_key(1024).as_pem(private=False).decode()):
        wrong = await client.post("/api/v1/signing-keys", json={**body, "public_key": pem})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "signing_key_invalid")
    other = await client.post("/api/v1/signing-keys", json={**body, "algorithm": "ES256"})
    assert other.json()["code"] == "signing_key_invalid"


def test_a_pass_that_was_changed_is_none() -> None:
    secret = b"s" * 32
    text = admission.passes.mint(secret, "a" * 24, Pass("server", 2**31))
    assert admission.passes.read(secret, "a" * 24, text) == Pass("server", 2**31)
    assert admission.passes.read(secret, "b" * 24, text) is None
    assert admission.passes.read(b"t" * 32, "a" * 24, text) is None
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert admission.passes.read(secret, "a" * 24, changed) is None or changed[:-1] == text[:-1]
