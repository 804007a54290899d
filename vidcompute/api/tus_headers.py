"""The headers of TUS 1.0.0: read strictly, and written."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from starlette.datastructures import Headers

from vidcompute.api.body import parse
from vidcompute.api.views import at
from vidcompute.errors import FieldProblem, VidComputeError, invalid
from vidcompute.media.titles import title_of
from vidcompute.pipeline.spec import JobOptions
from vidcompute.services.uploads import Checksum, NewUpload, Upload, UploadKind, UploadStatus

VERSION = "1.0.0"
OCTETS = "application/offset+octet-stream"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "termination",
    "checksum",
    "concatenation",
)
CHECKSUMS = ("sha1", "sha256", "sha512", "md5")
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[!-+\--~]{1,100}")  # ASCII that is seen, but for the comma
_MOST_METADATA = 50
_LONGEST_METADATA = 32 * 1024
_MOST_PARTS = 1000


@dataclass(frozen=True)
class Wish:
    """What a request says of an upload to be made; `pieces` are the uploads that it is to be joined from."""

    new: NewUpload
    pieces: tuple[str, ...] = ()


def check_version(headers: Headers) -> None:
    """Raise `tus_version_unsupported` for a request of another version of the protocol, or of none."""
    if headers.get("tus-resumable") != VERSION:
        detail = f"Send `Tus-Resumable: {VERSION}`: no other version of the protocol is spoken here."
        raise invalid("tus_version_unsupported", detail)


def number(headers: Headers, name: str) -> int | None:
    """The whole number in a header; None where it is not there, `tus_header_invalid` where it is something else."""
    text = headers.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise wrong(name, "a whole number is wanted, with no sign")
    return int(text)


def wrong(name: str, why: str) -> VidComputeError:
    """The error of a header that is not as the protocol has it."""
    problem = FieldProblem(f"/header/{name}", f"{why[0].upper()}{why[1:]}.")
    return invalid("tus_header_invalid", f"The header {name} is wrong: {why}.", problem)


def wish_of(headers: Headers, max_bytes: int, expiry_s: float) -> Wish:
    """What the headers of a creation say."""
    kind, pieces = _concat(headers.get("upload-concat"))
    size_bytes = number(headers, "Upload-Length")
    deferred = headers.get("upload-defer-length")
    if deferred not in {None, "1"}:
        raise wrong("Upload-Defer-Length", "only 1 is allowed")
    said = (size_bytes is not None) + (deferred is not None)
    if kind == UploadKind.FINAL and said:
        raise wrong("Upload-Length", "what is joined has the length of its parts")
    if kind != UploadKind.FINAL and said != 1:
        raise wrong("Upload-Length", "send it, or Upload-Defer-Length: 1")
    given = headers.get("upload-metadata", "")
    metadata = parse_metadata(given)
    new = NewUpload(
        name=name_of(metadata),
        size_bytes=size_bytes,
        max_bytes=max_bytes,
        kind=kind,
        metadata=given,
        concat=headers.get("upload-concat") if kind == UploadKind.FINAL else None,
        job=None if kind == UploadKind.PARTIAL else job_of(metadata),
        expires_s=expiry_s,
    )
    return Wish(new, pieces)


def _concat(text: str | None) -> tuple[UploadKind, tuple[str, ...]]:
    if text is None:
        return UploadKind.WHOLE, ()
    if text == "partial":
        return UploadKind.PARTIAL, ()
    word, _, rest = text.partition(";")
    addresses = rest.split()
    if word != "final" or not 0 < len(addresses) <= _MOST_PARTS:
        raise wrong("Upload-Concat", f"write `partial`, or `final;` with the addresses of up to {_MOST_PARTS} uploads")
    return UploadKind.FINAL, tuple(address.rstrip("/").rpartition("/")[2] for address in addresses)


def parse_metadata(text: str) -> dict[str, bytes]:
    """The keys and values of Upload-Metadata; `tus_header_invalid` for what is none."""
    if len(text) > _LONGEST_METADATA:
        raise wrong("Upload-Metadata", f"it may have {_LONGEST_METADATA} characters at most")
    found: dict[str, bytes] = {}
    pairs = text.split(",") if text.strip() else []
    if len(pairs) > _MOST_METADATA:
        raise wrong("Upload-Metadata", f"it may have {_MOST_METADATA} keys at most")
    for pair in pairs:
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise wrong("Upload-Metadata", "each key is there once, in printable ASCII without comma and space")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise wrong("Upload-Metadata", "values are base64") from error
    return found


def name_of(metadata: Mapping[str, bytes]) -> str:
    """What the sender calls the file, made harmless."""
    given = metadata.get("filename") or metadata.get("name") or b""
    return title_of(given.decode("utf-8", "replace"))


def job_of(metadata: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The options of the job that the metadata ask for under `job`, as JSON; None where that is null."""
    given = metadata.get("job")
    if given is None:
        return JobOptions().model_dump(mode="json")
    if given.strip() == b"null":
        return None
    return parse(given, JobOptions, "/header/Upload-Metadata/job").model_dump(mode="json")


def checksum_of(headers: Headers) -> Checksum | None:
    """What Upload-Checksum says; `tus_header_invalid` for what can't be checked."""
    text = headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    if algorithm not in CHECKSUMS:
        raise wrong("Upload-Checksum", f"the algorithms are {', '.join(CHECKSUMS)}")
    taken = hashlib.new(algorithm, usedforsecurity=False)
    try:
        wanted = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong("Upload-Checksum", "the checksum is base64") from error
    if len(wanted) != taken.digest_size:
        raise wrong("Upload-Checksum", f"{algorithm} has {taken.digest_size} bytes")
    return Checksum(taken, wanted)


def of_upload(upload: Upload) -> dict[str, str]:
    """The headers that tell where an upload stands."""
    told = {"Upload-Offset": str(upload.offset_bytes), "Cache-Control": "no-store"}
    if upload.size_bytes is None:
        told["Upload-Defer-Length"] = "1"
    else:
        told["Upload-Length"] = str(upload.size_bytes)
    if upload.metadata:
        told["Upload-Metadata"] = upload.metadata
    if upload.kind != UploadKind.WHOLE:
        told["Upload-Concat"] = upload.concat or "partial"
    return told | expiry(upload)


def expiry(upload: Upload) -> dict[str, str]:
    """When an upload that is under way ends."""
    expires_at = at(upload.expires_ms)
    if upload.status != UploadStatus.UPLOADING or expires_at is None:
        return {}
    return {"Upload-Expires": format_datetime(expires_at, usegmt=True)}


def capabilities(max_bytes: int) -> dict[str, str]:
    """What OPTIONS tells."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_bytes),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
