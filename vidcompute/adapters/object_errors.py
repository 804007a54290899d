"""What object stores say no with, in our words: missing, refused, or down for now."""

import errno
import re

from vidcompute.errors import Kind, VidComputeError, not_found

_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSED = {"PermissionDeniedError", "UnauthenticatedError"}
_REFUSED_CODES = {
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}
_REASONS = (  # of a text that is long and full of the vendor's own nouns
    (re.compile(r"(?i)connection refused"), "the connection was refused"),
    (re.compile(r"(?i)timed ?out|deadline"), "no answer in time"),
    (re.compile(r"(?i)dns error|name resolution|lookup address"), "its name is not known"),
    (re.compile(r"(?i)certificate"), "its certificate is not trusted"),
    (re.compile(r"(?i)reset|closed|eof|incomplete|broken pipe"), "the connection broke off"),
)


def is_down(error: VidComputeError) -> bool:
    """Whether the same call may succeed in a moment."""
    return error.code == "storage_unavailable"


def is_corrupted(error: VidComputeError) -> bool:
    """Whether it was the bytes that were wrong."""
    return error.code == "storage_corrupted"


def translated(key: str, url: str, error: Exception) -> VidComputeError:
    """An exception of the client library as an error of ours; one of ours stays as it is."""
    if isinstance(error, VidComputeError):
        return error
    text = str(error)
    code = next(iter(_CODE.findall(text)), "")
    if code == "NoSuchBucket":
        detail = f"storage_url: there is no bucket {url}; make it, or name another."
        return VidComputeError(Kind.UNAVAILABLE, "storage_bucket_missing", detail)
    if type(error).__name__ in _REFUSED or code in _REFUSED_CODES:
        named = "storage_access_key_id and storage_secret_access_key, or storage_service_account"
        detail = f"{url} refuses the credentials ({code or 'no reason given'}): see {named}."
        return VidComputeError(Kind.UNAVAILABLE, "storage_refused", detail)
    if code in _FULL or (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
        detail = "The disk is full." if not code else f"{url} is full ({code})."
        return VidComputeError(Kind.UNAVAILABLE, "storage_full", detail)
    if isinstance(error, FileNotFoundError):
        return not_found("object", key)
    return down(f"The object storage {url} can't be used for now: {_reason(text, code)}.")


def down(detail: str) -> VidComputeError:
    """The store can't be used for now."""
    return VidComputeError(Kind.UNAVAILABLE, "storage_unavailable", detail)


def corrupted(detail: str) -> VidComputeError:
    """Other bytes came out than went in; another try may show that it was the way between."""
    return VidComputeError(Kind.UNAVAILABLE, "storage_corrupted", detail)


def _reason(text: str, code: str) -> str:
    if code:
        return code
    status = re.search(r"\b(5\d\d|4\d\d) [A-Z][A-Za-z ]+", text)
    if status:
        return status.group(0).strip()
    return next((said for pattern, said in _REASONS if pattern.search(text)), text.partition("\n")[0][:120])
