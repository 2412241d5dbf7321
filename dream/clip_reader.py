"""Moving pictures as frames, one by one, so that memory does not grow with their length.

Animated GIF, WebP, APNG and AVIF, and films in MP4, MOV, WebM and Matroska. They are decoded in a process of
its own within limits, see `dream.quarantine`.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from dream.formats import FILMS, Limits, Probe
from dream.picture import DEFAULT_LIMITS, Pixels, check_length, from_bytes
from dream.quarantine import QuarantinedClip


class ClipReader:
    """A moving picture that is open for reading: a context manager. `probe` says what it is.

    Entering, `frames` and `sound` raise PictureError.
    """

    probe: Probe

    def __init__(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        check_length(data, limits)
        self._clip = QuarantinedClip(data, limits)

    def __enter__(self) -> Self:
        self._clip.__enter__()
        self.probe = self._clip.probe
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clip.__exit__(kind, error, trace)

    @property
    def width(self) -> int:
        """Its frames' width in pixels."""
        return self.probe.width

    @property
    def height(self) -> int:
        """Their height in pixels."""
        return self.probe.height

    @property
    def count(self) -> int:
        """About how many frames it has."""
        return self.probe.frames

    @property
    def loops(self) -> bool:
        """Whether it is shown again and again, as animated pictures are and films are not."""
        return self.probe.format not in FILMS

    def frames(self, size: tuple[int, int]) -> Iterator[tuple[Pixels, float]]:
        """The frames scaled to `size`, (width, height), each with the seconds for which it is shown."""
        width, height = size
        for data, seconds in self._clip.frames(size):
            yield from_bytes(data, width, height), seconds

    def sound(self) -> Iterator[bytes]:
        """Its sound, 48 000 samples a second of two channels of 16 bits, in pieces; none where it has none.

        May be read beside the frames.
        """
        if self.probe.sound:
            yield from self._clip.sound()
