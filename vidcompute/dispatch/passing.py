"""What goes by itself, and is waited for: a database that is away, full, or locked by somebody else."""

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from vidcompute.errors import Kind, VidComputeError

_OF_THE_DATABASE = (OperationalError, InterfaceError, InternalError)


def may_pass(error: Exception) -> bool:
    """Whether the very same thing may succeed later; else something is wrong with it."""
    if isinstance(error, VidComputeError):
        return error.kind is Kind.UNAVAILABLE
    return isinstance(error, (OSError, *_OF_THE_DATABASE))
