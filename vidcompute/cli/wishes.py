"""From the command line to a job's specification."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from vidcompute.errors import Kind, VidComputeError, invalid, not_found
from vidcompute.ids import is_id

_LARGEST_SPEC_BYTES = 4 * 2**20
_HEAD_BYTES = 512
_BOM = b"\xef\xbb\xbf"
_UNITS = {"k": 1_000, "m": 1_000_000}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Given:
    """What an input argument is: a file to upload, or a specification that names its input itself."""

    file: Path | None
    spec: dict[str, Any]


def read_input(text: str) -> Given:
    """What `text` names: a URL, the id of an uploaded source, a job as JSON, or a media file.

    A file that begins like a JSON object is a job, whatever its name is; every other one is media, for the server to
    judge. Raises `file_not_found`, `file_unreadable`, `invalid_json`.
    """
    if text.lower().startswith(("http://", "https://")):
        return Given(None, {"input": text})
    if is_id("src", text):
        return Given(None, {"input": {"source": text}})
    path = media_file(text)
    with_spec = _looks_like_json(path)
    return Given(None, read_spec(path)) if with_spec else Given(path, {})


def media_file(text: str) -> Path:
    """The file that `text` names; raises `file_not_found`, `file_unreadable`."""
    path = Path(text)
    if not path.exists():
        raise not_found("file", text)
    if not path.is_file():
        raise invalid("file_unreadable", f"{path} is not a file.")
    return path


def _looks_like_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise invalid("file_unreadable", f"{path} can't be read: {error.strerror}.") from error
    return head.removeprefix(_BOM).lstrip(b" \t\r\n").startswith(b"{")


def read_spec(path: Path) -> dict[str, Any]:
    """The JSON object in a file; `invalid_json` where there is none."""
    try:
        if path.stat().st_size > _LARGEST_SPEC_BYTES:
            detail = f"{path} begins like a job in JSON, and is larger than one may be."
            raise VidComputeError(Kind.TOO_LARGE, "body_too_large", detail)
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise invalid("invalid_json", f"{path} is no job in JSON: {error}.") from error
    if not isinstance(found, dict):
        raise invalid("invalid_json", f"{path} is no job in JSON: it must hold an object.")
    return found


def place_s(text: str) -> float:
    """A place in a video, in seconds from its start."""
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no number of seconds.") from error


def rendition(text: str) -> dict[str, Any]:
    """`HEIGHT[:CODEC[:BITRATE|qN]]`, such as `1080`, `720:hevc`, `480:h264:1200k` or `1080:av1:q32`."""
    height, _, rest = text.partition(":")
    codec, _, rate = rest.partition(":")
    try:
        wanted: dict[str, Any] = {"height": int(height)}
        if codec:
            wanted["codec"] = codec
        if rate[:1] in {"q", "Q"}:
            wanted["quality"] = int(rate[1:])
        elif rate:
            factor = _UNITS.get(rate[-1].lower(), 1)
            wanted["bitrate_bps"] = round(float(rate if factor == 1 else rate[:-1]) * factor)
    except (ValueError, OverflowError) as error:
        detail = f"{text!r} is no rendition: write HEIGHT[:CODEC[:BITRATE|qN]], such as 1080 or 720:hevc:2500k."
        raise typer.BadParameter(detail) from error
    return wanted


def output(text: str) -> Any:
    """An output: a name such as `hls`, or a JSON object with options."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}.") from error


def pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE`."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{text!r} is no KEY=VALUE.")
    return key, value


def seconds(text: str) -> int:
    """A length of time as people write it: `90`, `90s`, `15m`, `6h`, `30d`."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _SECONDS else (text, "s")
    if not number.isascii() or not number.isdigit():
        raise typer.BadParameter(f"{text!r} is no length of time: write 90s, 15m, 6h or 30d.")
    return int(number) * _SECONDS[unit]


def media_spec(
    outputs: Sequence[str] | None, renditions: Sequence[str] | None, *, vmaf: bool, hardware: str | None = None
) -> dict[str, Any]:
    """The part of a job that decides what is made; what was not said is left out."""
    spec: dict[str, Any] = {}
    if outputs:
        spec["outputs"] = [output(text) for text in outputs]
    if renditions:
        spec["renditions"] = [rendition(text) for text in renditions]
    if vmaf:
        spec["vmaf"] = True
    if hardware:
        spec["hardware_encoding"] = hardware
    return spec


def until(text: str) -> str:
    """The time after a length of time from now, as RFC 3339 has it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds(text))).isoformat(timespec="seconds")


def extras(
    priority: str | None,
    title: str | None,
    passthrough: str | None,
    metadata: Sequence[str] | None,
    expires_in: str | None = None,
) -> dict[str, Any]:
    """The part of a job that stays with it; what was not said is left out."""
    said: Mapping[str, Any] = {"priority": priority, "title": title, "passthrough": passthrough}
    spec = {name: value for name, value in said.items() if value is not None}
    if metadata:
        spec["metadata"] = dict(pair(text) for text in metadata)
    if expires_in is not None:
        spec["expires_at"] = until(expires_in)
    return spec
