"""Tells transient errors of the database from errors in a statement."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, TimeoutError


def is_outage(error: BaseException) -> bool:
    """Whether the same statement may succeed later: no connection, a lock, a full disk, a restart."""
    if isinstance(error, IntegrityError | DataError | ProgrammingError):
        return False
    return isinstance(error, DBAPIError | TimeoutError | OSError)
