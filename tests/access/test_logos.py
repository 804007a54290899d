"""Logos of organizations: what comes is hostile, what goes out is a picture and nothing else."""

import hashlib
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from tests.access.conftest import ANN, BOB, World, code

LOGO = "/api/v1/organization/logo"
SCRIPT = b"<script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def picture(kind: str = "PNG", size: tuple[int, int] = (600, 300), **how: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **how)
    return out.getvalue()


def bomb() -> bytes:
    """A PNG that says of itself that it has 3.6 thousand million pixels, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\x00" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def placed() -> bytes:
    """A JPEG that lies on its side, and says where it was taken and what with."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    return picture("JPEG", exif=exif)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_logo_is_scaled_and_served_as_a_picture_that_can_run_nothing(world: World, kind: str) -> None:
    ann = await world.joined(ANN, "admin")
    assert (await ann.get("/api/v1/organization")).json()["logo_digest"] is None
    assert (await ann.put(LOGO, content=picture(kind))).status_code == 204
    answer = await ann.get(LOGO)
    digest = hashlib.sha256(answer.content).hexdigest()
    assert (await ann.get("/api/v1/organization")).json()["logo_digest"] == digest
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == 'inline; filename="logo.png"'
    with Image.open(BytesIO(answer.content)) as served:
        assert (served.format, served.size) == ("PNG", (256, 128))


async def test_who_chooses_among_organizations_is_told_which_have_a_logo(world: World) -> None:
    ann = await world.joined(ANN, "admin")
    await ann.post("/api/v1/organizations", json={"name": "Films"})
    assert (await ann.put(LOGO, content=picture())).status_code == 204
    digest = (await ann.get("/api/v1/organization")).json()["logo_digest"]
    homes = (await ann.get("/api/v1/organizations")).json()["items"]
    assert sorted(home["logo_digest"] or "" for home in homes) == ["", digest]


async def test_nothing_stays_of_what_came_but_the_pixels(world: World) -> None:
    ann = await world.joined(ANN, "admin")
    assert (await ann.put(LOGO, content=placed() + SCRIPT)).status_code == 204
    served = (await ann.get(LOGO)).content
    assert SCRIPT not in served
    assert b"SecretCamera" not in served
    with Image.open(BytesIO(served)) as shown:
        assert shown.size == (128, 256), "upright"
        assert not shown.info
        assert not shown.getexif()


@pytest.mark.parametrize(
    "data",
    [b"", SCRIPT, SVG, b"GIF89a" + SCRIPT, picture("GIF"), picture("BMP"), picture("TIFF"), bomb(), picture()[:200]],
    ids=["empty", "script", "svg", "gif and script", "gif", "bmp", "tiff", "bomb", "cut"],
)
async def test_what_is_no_picture_is_refused_and_the_former_logo_stays(world: World, data: bytes) -> None:
    ann = await world.joined(ANN, "admin")
    await ann.put(LOGO, content=picture())
    before = (await ann.get(LOGO)).content
    assert code(await ann.put(LOGO, content=data)) == (422, "logo_invalid")
    assert (await ann.get(LOGO)).content == before


async def test_a_logo_may_have_so_many_bytes_and_pixels(world: World) -> None:
    ann = await world.joined(ANN, "admin")
    assert code(await ann.put(LOGO, content=b"x" * (2**20 + 1))) == (413, "body_too_large")
    assert code(await ann.put(LOGO, content=picture(size=(2049, 1)))) == (422, "logo_invalid")
    assert (await ann.put(LOGO, content=picture(size=(2048, 1)))).status_code == 204


async def test_a_logo_is_for_members_and_changed_by_those_who_may(world: World) -> None:
    ann, bob = await world.joined(ANN, "admin"), await world.joined(BOB, "viewer")
    assert code(await ann.get(LOGO)) == (404, "logo_not_found")
    assert code(await bob.put(LOGO, content=picture())) == (403, "scope_missing")
    assert (await ann.put(LOGO, content=picture())).status_code == 204
    assert (await bob.get(LOGO)).status_code == 200
    own = (await bob.post("/api/v1/organizations", json={"name": "Bob"})).json()
    assert own["logo_digest"] is None
    assert code(await bob.get(LOGO, headers={"X-Organization": own["id"]})) == (404, "logo_not_found")
    assert code(await world.client().get(LOGO)) == (401, "api_key_missing")
    for _ in range(2):
        assert (await ann.delete(LOGO)).status_code == 204
    assert code(await bob.get(LOGO)) == (404, "logo_not_found")
    (last, *_) = (await ann.get("/api/v1/audit", params={"action": "organization.updated"})).json()["items"]
    assert last["data"] == {"fields": ["logo"]}
