"""The one table of exit codes; docs/guides/cli.md shows it, and a test holds the two together."""

from enum import IntEnum

from vidcompute.errors import Kind


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INVALID = 3
    NOT_FOUND = 4
    UNAUTHENTICATED = 5
    CONFLICT = 6
    UNAVAILABLE = 7
    CANCELLED = 8
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What it says, for the documents."""
        return _MEANING[self]


_MEANING = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "the work failed: a job failed, a check found breaches, or something broke",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.INVALID: "the input is not accepted: a wrong specification, a file that is no video, too large",
    ExitCode.NOT_FOUND: "there is no such job, asset or file",
    ExitCode.UNAUTHENTICATED: "the API key is missing, wrong, or may not do this",
    ExitCode.CONFLICT: "the state does not allow it, such as cancelling a job that has ended",
    ExitCode.UNAVAILABLE: "no server was found, or it can't serve now; trying again may help",
    ExitCode.CANCELLED: "the job was cancelled",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}

_OF_KIND = {
    Kind.INVALID: ExitCode.INVALID,
    Kind.REFUSED: ExitCode.INVALID,
    Kind.TOO_LARGE: ExitCode.INVALID,
    Kind.NOT_FOUND: ExitCode.NOT_FOUND,
    Kind.CONFLICT: ExitCode.CONFLICT,
    Kind.UNAUTHENTICATED: ExitCode.UNAUTHENTICATED,
    Kind.FORBIDDEN: ExitCode.UNAUTHENTICATED,
    Kind.RATE_LIMITED: ExitCode.UNAVAILABLE,
    Kind.TIMEOUT: ExitCode.UNAVAILABLE,
    Kind.UNAVAILABLE: ExitCode.UNAVAILABLE,
    Kind.CANCELLED: ExitCode.CANCELLED,
    Kind.INTERNAL: ExitCode.FAILED,
}
_OF_JOB = {"done": ExitCode.OK, "cancelled": ExitCode.CANCELLED}


def of_kind(kind: Kind) -> ExitCode:
    """The exit code that tells of an error of this kind."""
    return _OF_KIND[kind]


def of_job(status: str) -> ExitCode:
    """The exit code that tells how a job ended."""
    return _OF_JOB.get(status, ExitCode.FAILED)
