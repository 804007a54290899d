"""Which errors are transient: the database is away, full, or locked by somebody else."""

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from vidcompute.errors import Kind, VidComputeError

_OF_THE_DATABASE = (OperationalError, InterfaceError, InternalError)


def may_pass(error: Exception) -> bool:
    """Whether the same operation may succeed later; where not, something is wrong with the operation itself."""
    if isinstance(error, VidComputeError):
        return error.kind is Kind.UNAVAILABLE
    return isinstance(error, (OSError, *_OF_THE_DATABASE))
