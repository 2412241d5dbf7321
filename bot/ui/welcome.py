"""What a server reads when the bot has joined it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ui.errors import code
from dream.suggestions import both
from dream.texts import _


def welcome(prefix: str, lacking: Sequence[str], invite: str) -> str:
    """Three things to try, where the settings are, and the permissions that the bot lacks, if any."""
    dream, surprise, sky = (code(f"{prefix}{command}") for command in ("dream", "dream surprise me", "sky"))
    lines = [
        _(
            "👋 **Hello! I paint into your pictures what a neural network sees in them.** Three "
            "things to try:"
        ),
        _("1. Post a picture and write {dream}.", dream=dream),
        _("2. Reply with {surprise} to a picture that somebody posted.", surprise=surprise),
        _("3. No picture at hand? {sky} dreams of clouds.", sky=sky),
        _(
            "Buttons under each dream change, compare and enlarge it. {command} tells the rest.",
            command=code(f"{prefix}help"),
        ),
        _("-# For admins: `/settings` is where you decide what I do here; `/daily on` starts a dream a day."),
    ]
    if lacking:
        lines.append(
            _(
                "⚠️ For the admins: I lack {names} on this server, and can't do all of that without. "
                "Please give them to my role, or [invite me again](<{invite}>).",
                names=both([f"**{name}**" for name in lacking]),
                invite=invite,
            )
        )
    return "\n".join(lines)
