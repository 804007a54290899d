"""Logos: small pictures that people send, made anew so that nothing stays of what came but the pixels."""

from io import BytesIO

from PIL import Image, ImageOps

from vidcompute.errors import refused

_FORMATS = ("PNG", "JPEG", "WEBP")  # no other decoder is ever asked
LONGEST_PX = 2048  # of what comes: decoding it takes 16 MB then
SIDE_PX = 256


def remade(data: bytes) -> bytes:
    """The picture as a PNG of at most 256 x 256 pixels, upright; `logo_invalid` (refused) for what is none.

    Text, profiles, places and whatever was appended are gone; of something that moves, the first picture stays.
    """
    try:
        return _png(data)
    except _TooLargeError as error:
        raise refused("logo_invalid", f"A logo may have {LONGEST_PX} x {LONGEST_PX} pixels at most.") from error
    except Exception as error:  # decoders of hostile bytes raise whatever comes to their mind
        raise refused("logo_invalid", "A logo is a picture: PNG, JPEG or WebP.") from error


class _TooLargeError(Exception):
    """More pixels than are decoded."""


def _png(data: bytes) -> bytes:
    with Image.open(BytesIO(data), formats=_FORMATS) as picture:
        if max(picture.size) > LONGEST_PX:  # by its head alone: nothing is decoded yet
            raise _TooLargeError
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((SIDE_PX, SIDE_PX))
    pixels = Image.frombytes("RGBA", upright.size, upright.tobytes())
    out = BytesIO()
    pixels.save(out, "PNG", optimize=True)
    return out.getvalue()
