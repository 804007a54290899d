"""Who may bring captions, change them and take them away."""

from tests.access.conftest import ANN, BOB, World, code

VTT = "WEBVTT\n\n00:01.000 --> 00:03.000\nHello\n"


async def test_who_may_look_sees_texts_and_who_may_change_assets_brings_them(world: World) -> None:
    editor, viewer = await world.joined(ANN, "editor"), await world.joined(BOB, "viewer")
    job = (await editor.post("/api/v1/jobs", json={"input": "https://example.com/a.mp4"})).json()
    path = f"/api/v1/assets/{job['asset_id']}/tracks"
    made = await editor.post(path, params={"language": "en"}, content=VTT)
    assert made.status_code == 201, made.text
    assert (await viewer.get(path)).json() == {"items": [made.json()]}
    own = f"{path}/{made.json()['id']}"
    for refused in (
        await viewer.post(path, params={"language": "de"}, content=VTT),
        await viewer.patch(own, json={"name": "mine"}),
        await viewer.delete(own),
    ):
        assert code(refused) == (403, "scope_missing")
    for unknown in (await world.client().get(path), await world.client().post(path, content=VTT)):
        assert code(unknown) == (401, "api_key_missing")
    (entry, *_) = (await world.operator().get("/api/v1/audit", params={"action": "track.ready"})).json()["items"]
    assert (entry["actor"], entry["data"]["track"]) == (ANN, made.json()["id"])


async def test_a_key_brings_texts_where_its_scopes_lead(world: World) -> None:
    operator = world.operator()
    job = (await operator.post("/api/v1/jobs", json={"input": "https://example.com/a.mp4"})).json()
    path = f"/api/v1/assets/{job['asset_id']}/tracks"
    for scope, status in (("assets:read", 403), ("jobs:write", 403), ("assets:write", 201)):
        key = (await operator.post("/api/v1/keys", json={"name": scope, "scopes": [scope]})).json()
        holder = world.client(Authorization=f"Bearer {key['secret']}")
        assert (await holder.post(path, params={"language": "en"}, content=VTT)).status_code == status
        assert (await holder.get(path)).status_code == (200 if scope == "assets:read" else 403)
