"""Why the database cannot be used, as operators read it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError


class StoreError(Exception):
    """The database cannot be used; the text is a sentence for operators that names the setting."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database cannot be used at the moment; trying again may help."""


def shown(url: URL) -> str:
    """A database's URL, as `store.url` has it, without the password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


@contextmanager
def store_errors(url: URL) -> Iterator[None]:
    """Raise StoreError, or StoreUnavailable, for what SQLAlchemy and the drivers raise in the block."""
    try:
        yield
    except (OSError, sqlite3.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        kind = (
            StoreUnavailable
            if _is_transient(cause, is_sqlite=url.get_backend_name() == "sqlite")
            else StoreError
        )
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise kind(f"store.url: the database {shown(url)} cannot be opened: {reason}") from error


def _is_transient(error: BaseException | None, *, is_sqlite: bool) -> bool:
    """Whether trying again may help: the server cannot be reached, is busy, starting or stopping."""
    if is_sqlite:
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, OSError) or state.startswith(("08", "57P")) or state == "53300"
