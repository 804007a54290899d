"""What a program's end means: from its exit status and its last words to an error with a stable code."""

import re
import signal
from collections.abc import Sequence

from vidcompute.errors import Kind, VidComputeError, refused

# "[mov,mp4 @ 0x55d0c0ffee] [error] moov atom not found": the part in front tells a person nothing.
_PREFIX = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_SEVERE = re.compile(r"\[(?:error|fatal|panic)\]")
_POINTER = re.compile(r"\s*@ 0x[0-9a-f]+")
# Folders of this machine are nobody's business; a file's own name may stay.
_FOLDERS = re.compile(r"(?:file:)?(?:/[^/\s'\":]+)+/(?=[^/\s])")
# Lines that only say that something failed, after another line has said what.
_GENERIC = re.compile(
    r"^(Conversion failed|Exiting|Error opening (input|output)( file)?s?\b|Task finished with error|Terminating thread"
    r"|Error (sending|submitting|while (filtering|decoding|processing|opening))|Nothing was written"
    r"|Last message repeated|Could not open encoder|\d+ decode errors rate)",
    re.IGNORECASE,
)
_LONGEST_DETAIL = 300


def last_words(stderr_tail: Sequence[str]) -> str:
    """The line of a program's stderr that says best why it failed, without pointers and folders; "" if none does."""
    severe = [line for line in stderr_tail if _SEVERE.search(line)]
    cleaned = [_PREFIX.sub("", line).strip() for line in severe or stderr_tail]
    telling = [line for line in cleaned if line and not _GENERIC.search(line)]
    chosen = next(iter(reversed(telling or [line for line in cleaned if line])), "")
    return _FOLDERS.sub("", _POINTER.sub("", chosen))[:_LONGEST_DETAIL]


_SIGNALS = {
    signal.SIGXCPU: (Kind.REFUSED, "cpu_limit", "It needed more CPU time than is allowed."),
    signal.SIGXFSZ: (Kind.REFUSED, "output_too_large", "An output grew beyond the size that is allowed."),
    signal.SIGTERM: (Kind.CANCELLED, "cancelled", "It was ended."),
    signal.SIGINT: (Kind.CANCELLED, "cancelled", "It was ended."),
    signal.SIGKILL: (Kind.INTERNAL, "process_killed", "It was killed: the machine may be out of memory."),
}

_MESSAGES = (
    ("No space left on device", Kind.UNAVAILABLE, "storage_full", "The disk is full."),
    ("Disk quota exceeded", Kind.UNAVAILABLE, "storage_full", "The disk quota is used up."),
    ("File too large", Kind.REFUSED, "output_too_large", "An output grew beyond the size that is allowed."),
    ("Cannot allocate memory", Kind.REFUSED, "memory_limit", "It needed more memory than is allowed."),
)


def failure(returncode: int, stderr_tail: Sequence[str], *, program: str = "ffmpeg") -> VidComputeError:
    """The error for a program that did not end well. `returncode` below 0 is the number of the signal that ended it.

    Codes: `cpu_limit`, `output_too_large`, `memory_limit`, `storage_full`, `cancelled`, `process_killed`,
    `{program}_crashed`, `{program}_failed`.
    """
    words = last_words(stderr_tail)
    for text, kind, code, detail in _MESSAGES:
        if any(text in line for line in stderr_tail[-20:]):
            return VidComputeError(kind, code, detail)
    if returncode < 0:
        try:
            number = signal.Signals(-returncode)
        except ValueError:
            return refused(f"{program}_crashed", f"{program} ended by signal {-returncode}.")
        if number in _SIGNALS:
            kind, code, detail = _SIGNALS[number]
            return VidComputeError(kind, code, detail)
        return refused(f"{program}_crashed", f"{program} crashed ({number.name}) on this file.")
    return refused(f"{program}_failed", words or f"{program} failed with status {returncode}.")
