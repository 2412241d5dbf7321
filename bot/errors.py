"""Refusals: what cannot be done as asked, said to whoever asked."""


class Refused(Exception):  # noqa: N818
    """Something that cannot be done as asked. `str()` is one friendly sentence that says what to do next."""
