"""What the queue is asked for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

from bot.store.jobs import Kind
from dream.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that is still to be fetched, of `size` bytes. `fetch` raises Refused."""

    size: int
    fetch: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture that another job keeps. Its bytes are neither read nor copied to dream on it again.

    `size` is in bytes, `width` and `height` in pixels, where they are known; `frames` are a clip's, and
    `format` is "GIF" if that is one, as in `Probe`.
    """

    job_id: str
    role: str
    size: int
    width: int | None
    height: int | None
    frames: int = 1
    format: str = ""


class Variant(NamedTuple):
    """One dream of a sheet: what is written above it, its recipe, and the preset that this came from."""

    label: str
    recipe: Recipe
    preset: str | None = None

    @classmethod
    def stored(cls, row: dict[str, Any]) -> Self:
        """The variant that `row` is. Raises RecipeError where another version of the bot wrote it."""
        return cls(row["label"], Recipe.parse(row["recipe"]), row.get("preset"))

    @property
    def row(self) -> dict[str, Any]:
        """It as JSON."""
        return {"label": self.label, "recipe": str(self.recipe), "preset": self.preset}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a dream grows from: a picture (None: a generated sky), who posted it, and where it stands.

    `message` is the channel's and the message's id. `parent` is the job that the picture belongs to, and
    `action` what was done with that. `guide` is a second picture, whose features are to appear, or which says
    where if the recipe says so; a comparison shows it beside the first.
    """

    picture: Upload | KeptPicture | None = None
    guide: Upload | KeptPicture | None = None
    author_id: int | None = None
    message: tuple[int, int] | None = None
    parent: str | None = None
    action: str | None = None
    spoiler: bool = False
    explicit: bool = False


SKY: Final = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamRequest:
    """A dream that somebody asks for.

    `source` is the picture's file, or where it is to be had, None for a dream from nothing, and `author_id`
    posted it; `guide` is a second picture that says what to look for, or where to dream, or is compared with
    the first. A sheet shows `variants`; `action` says how it grew from `parent`, and the message of `origin`,
    a channel's and its own id, holds the picture. `number` is the picture's in the message that asks for
    several, 0 the first. A job that `is_held` waits until whoever posted the picture consents; they have if
    `consented_at` is given. `max_bytes` is the largest file that may be posted where the dream goes.
    `member_seconds` and `server_seconds` are the server's own limits, where it has any. Its message is in
    `language`.
    """

    recipe: Recipe
    source: bytes | Upload | KeptPicture | None
    guide: bytes | Upload | KeptPicture | None = None
    variants: tuple[Variant, ...] = ()
    preset: str | None = None
    kind: Kind = Kind.DREAM
    guild_id: int | None = None
    channel_id: int | None = None
    member_id: int | None = None
    author_id: int | None = None
    request_message_id: int | None = None
    number: int = 0
    interaction_token: str | None = None
    parent: str | None = None
    action: str | None = None
    origin: tuple[int, int] | None = None
    due_at: datetime | None = None
    previews: bool = True
    spoiler: bool = False
    max_bytes: int = 10_000_000
    explicit: bool = False
    consented_at: datetime | None = None
    is_held: bool = False
    language: str = "en"
    member_seconds: float | None = None
    server_seconds: float | None = None

    @property
    def input_bytes(self) -> int:
        """The size of the source and the guide, in bytes."""
        return sum(
            len(picture) if isinstance(picture, bytes) else picture.size
            for picture in (self.source, self.guide)
            if picture is not None
        )

    @property
    def upload_bytes(self) -> int:
        """The size of what of them is still to be fetched, in bytes."""
        return sum(each.size for each in (self.source, self.guide) if isinstance(each, Upload))
