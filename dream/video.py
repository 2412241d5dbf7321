"""Writing frames to an MP4 one by one, so that memory does not grow with the length."""

from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.stream import VideoStream

from dream.octaves import FRAMES_PER_SECOND
from dream.picture import Pixels, to_bytes

_QUALITY = 19
"""libx264's constant rate factor: lower is better and larger; 18 to 20 is taken for transparent."""
_REPEATABLE = "mbtree=0"
"""libx264's macroblock tree differs from run to run; without it the same frames give the same file."""


class VideoWriter:
    """A context manager that writes an H.264 MP4 to `path`; `add` appends a frame.

    Every frame has the same even `size`, (width, height). The file of `frames` frames stays below `max_bytes`
    (0: no limit), carries `recipe` as a comment, and has its index in front, so that a browser can play it
    while it loads. The file is deleted if the block raises.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], frames: int, *, max_bytes: int = 0, recipe: str = ""
    ) -> None:
        self._path = path
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = recipe
        options = {"crf": str(_QUALITY), "preset": "medium", "x264-params": _REPEATABLE}
        if max_bytes:
            rate = int(max_bytes * 8 * 0.92 / (frames / FRAMES_PER_SECOND + 1))
            options |= {"maxrate": str(rate), "bufsize": str(rate)}
        self._stream: VideoStream = self._container.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options=options
        )
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"

    def __enter__(self) -> Self:
        return self

    def add(self, frame: Pixels) -> None:
        """Append a frame of the video's size, in [0, 1]."""
        picture = av.VideoFrame.from_ndarray(to_bytes(frame), format="rgb24")
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)
