"""What a server reads when the bot has joined it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ui.errors import code


def welcome(prefix: str, lacking: Sequence[str], invite: str) -> str:
    """Three things to try, where the settings are, and the permissions that the bot lacks, if any."""
    dream, surprise, sky = (code(f"{prefix}{command}") for command in ("dream", "dream surprise me", "sky"))
    lines = [
        "👋 **Hello! I paint into your pictures what a neural network sees in them.** Three things to try:",
        f"1. Post a picture and write {dream}.",
        f"2. Reply with {surprise} to a picture that somebody posted.",
        f"3. No picture at hand? {sky} dreams of clouds.",
        f"Buttons under each dream change, compare and enlarge it. {code(f'{prefix}help')} tells the rest.",
        "-# For admins: `/settings` is where you decide what I do here; `/daily on` starts a dream a day.",
    ]
    if lacking:
        lines.append(
            f"⚠️ For the admins: I lack {' and '.join(f'**{name}**' for name in lacking)} on this server, and "
            f"can't do all of that without. Please give them to my role, or [invite me again](<{invite}>)."
        )
    return "\n".join(lines)
