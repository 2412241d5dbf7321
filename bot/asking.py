"""From what a member asks for to a job in the queue: the one way in, by command or by button."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import discord
from discord.utils import DEFAULT_FILE_SIZE_LIMIT_BYTES

from bot.client import DreamBot
from bot.consent import check_picture
from bot.errors import Refused
from bot.media import has_link
from bot.queue.request import SKY, DreamRequest, Origin, Variant
from bot.settings.scopes import Effective
from bot.store.jobs import Job, Kind
from bot.user_installs import is_away
from bot.visibility import is_age_restricted
from config.presets import preset_title
from dream.recipe import Recipe, RecipeError
from dream.texts import Text

MESSAGE_BYTES = 50_000
"""Room in an upload for what is not the picture."""

SURPRISE: Final = "surprise me"
"""What asks for a preset that chance picks."""

_THIS: Final = re.compile(
    "this|it|that|these|my|the|picture|photo|pic|image|please|here|now|"
    "das|dies|dieses|diesen|mein|meine|bild|foto|bitte|hier|jetzt"
)
"""Words that only point at the picture, in the bot's languages: alone, they ask for the usual recipe."""

_SURPRISE: Final = re.compile(r"\bsurprise(\s+me)?\b", re.IGNORECASE)


class Reading(NamedTuple):
    """A recipe as it is dreamt, the preset that it was asked for by, and the settings that hold there."""

    effective: Effective
    recipe: Recipe
    preset: str | None


async def ask(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    words: str | Recipe,
    origin: Origin = SKY,
    *,
    message: discord.Message | None = None,
    interaction: discord.Interaction[Any] | None = None,
    preset: str | None = None,
    kind: Kind | None = None,
    number: int = 0,
) -> Job:
    """Queue a dream of `origin` after the recipe in `words`, or what `kind` makes of it.

    Nothing is fetched for whoever may not ask. `message` asks for it, and the dream's message replies to it;
    or `interaction` does; of several pictures, this is the one of this `number`, 0 the first. `preset` is the
    one that a recipe came from. Raises Refused, RecipeError or
    PictureError: each one sentence for whoever asked.
    """
    reading = await read_recipe(bot, who, channel, words, interaction, preset)
    recipe = seeded(reading.recipe)
    kind = kind or (Kind.ZOOM if recipe.is_video else Kind.DREAM)
    request = DreamRequest(
        recipe=recipe, source=origin.picture, kind=kind, preset=reading.preset, number=number
    )
    return await _submit(bot, who, channel, reading.effective, request, origin, message, interaction)


async def ask_for_sheet(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    variants: Sequence[Variant | str],
    origin: Origin = SKY,
    *,
    message: discord.Message | None = None,
    interaction: discord.Interaction[Any] | None = None,
) -> Job:
    """Queue a sheet of small dreams of `origin`; words become variants that share a seed. Raises as `ask`."""
    first, *_ = (one if isinstance(one, str) else one.recipe for one in variants)
    effective, recipe, _ = await read_recipe(bot, who, channel, first, interaction)
    seed = seeded(recipe).seed
    shown = []
    for one in variants:
        if isinstance(one, str):
            recipe, preset = await _parse(bot, effective, channel, one)
            recipe = dataclasses.replace(recipe, seed=seed if recipe.seed is None else recipe.seed)
            one = Variant(one if preset is None else preset_title(preset), recipe, preset)
        if one.recipe.moves:
            raise RecipeError(
                Text("A sheet shows pictures, and that is a video; leave out >, zoom, rotate and seconds.")
            )
        shown.append(one)
    request = DreamRequest(
        recipe=shown[0].recipe, source=origin.picture, kind=Kind.SHEET, variants=tuple(shown)
    )
    return await _submit(bot, who, channel, effective, request, origin, message, interaction)


async def _submit(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    effective: Effective,
    request: DreamRequest,
    origin: Origin,
    message: discord.Message | None,
    interaction: discord.Interaction[Any] | None,
) -> Job:
    """Queue `request`, completed by who asks for it where."""
    guild = getattr(channel, "guild", None)
    consent = await check_picture(bot, who, channel, effective, origin)
    return await bot.queue.submit(
        dataclasses.replace(
            request,
            guide=origin.guide,
            guild_id=guild.id if guild else None,
            channel_id=channel.id,
            member_id=who.id,
            author_id=origin.author_id,
            request_message_id=message.id if message else None,
            interaction_token=interaction.token if interaction else None,
            parent=origin.parent,
            action=origin.action,
            origin=origin.message,
            previews=effective.previews,
            spoiler=origin.spoiler or effective.spoiler or is_age_restricted(channel),
            explicit=origin.explicit,
            consented_at=consent.given_at,
            is_held=consent.is_needed,
            language=await bot.language_of(guild and bot.get_guild(guild.id), interaction),
            max_bytes=_filesize_limit(guild, interaction) - MESSAGE_BYTES,
            member_seconds=effective.member_seconds,
            server_seconds=effective.server_seconds,
        )
    )


def _filesize_limit(guild: discord.Guild | None, interaction: discord.Interaction[Any] | None) -> int:
    """The bytes of the largest file that may be posted where an answer goes."""
    if interaction and is_away(interaction):
        return interaction.filesize_limit
    return guild.filesize_limit if guild else DEFAULT_FILE_SIZE_LIMIT_BYTES


def seeded(recipe: Recipe) -> Recipe:
    """The recipe with a seed: drawn here, so that a dream that starts anew after a crash is the same."""
    return dataclasses.replace(recipe, seed=secrets.randbelow(100_000)) if recipe.seed is None else recipe


async def read_recipe(
    bot: DreamBot,
    who: discord.Member | discord.User,
    channel: Any,
    words: str | Recipe,
    interaction: discord.Interaction[Any] | None = None,
    preset: str | None = None,
) -> Reading:
    """The recipe in `words`, if this member may dream it in this channel. Raises Refused or RecipeError."""
    guild = getattr(channel, "guild", None)
    effective = await effective_in(bot, channel)
    members = (guild.member_count or 0) if guild else 0
    if sentence := await bot.moderation.refusal(guild.id if guild else None, members, who.id):
        raise Refused(sentence)
    roles = [role.id for role in who.roles] if isinstance(who, discord.Member) else []
    if sentence := effective.refusal(_settings_id(channel), who.id, roles):
        raise Refused(sentence)
    if guild and interaction and not _may_write(channel, interaction.permissions):
        raise Refused(Text("You may not write in this channel, so please ask me in another."))
    recipe, named = await _parse(bot, effective, channel, words)
    return Reading(effective, recipe, named or preset)


async def effective_in(bot: DreamBot, channel: Any) -> Effective:
    """The settings that hold in a channel; a thread has its channel's."""
    guild = getattr(channel, "guild", None)
    return await bot.settings.effective(guild.id if guild else None, _settings_id(channel))


def _settings_id(channel: Any) -> int:
    """The id of the channel whose settings hold in a channel or thread."""
    return int(channel.parent_id if isinstance(channel, discord.Thread) else channel.id)


async def _parse(
    bot: DreamBot, effective: Effective, channel: Any, words: str | Recipe
) -> tuple[Recipe, str | None]:
    """The recipe in `words` as these settings complete it, and the preset named. Raises as `read_recipe`."""
    named = None
    if isinstance(words, Recipe):
        recipe = effective.resolve(words)
    else:
        if has_link(words):
            raise Refused(
                Text("I open no links; please attach the picture itself, or reply to a message that has it.")
            )
        guild = getattr(channel, "guild", None)
        presets = await bot.settings.presets(guild.id if guild else None)
        plain = _plain(words)
        if plain and all(_THIS.fullmatch(word) and word not in presets for word in plain):
            words = " ".join(filter(_is_option, _split(words)))
        if _SURPRISE.search(words) and "surprise" not in presets:
            words = _SURPRISE.sub(secrets.choice(presets_allowed(bot, effective, presets) or [""]), words)
        recipe = effective.parse_recipe(words, presets)
        named = preset_in(words, presets) or (
            preset_in(effective.recipe, presets) if not _plain(words) else None
        )
    bot.settings.check_weights(recipe, effective)
    return recipe, named


def presets_allowed(bot: DreamBot, effective: Effective, presets: Mapping[str, str]) -> list[str]:
    """The names of the presets of pictures that may be dreamt with these settings, a server's own first."""
    own = [name for name in presets if name not in bot.presets]
    found = []
    for name in [*own, *(name for name in presets if name not in own)]:
        recipe = Recipe.parse(presets[name])
        if bot.settings.has_weights(recipe) and effective.allows(recipe) and not recipe.moves:
            found.append(name)
    return found


def preset_in(words: str, presets: Collection[str]) -> str | None:
    """The preset whose layers `words` ask for."""
    plain = _plain(words)
    return plain[0] if len(plain) == 1 and plain[0] in presets else None


def _plain(words: str) -> list[str]:
    """The words that are no options."""
    return [word for word in _split(words.lower()) if not _is_option(word)]


def _split(words: str) -> list[str]:
    """Words and options, of which blanks may surround the equals sign."""
    return re.sub(r"\s*=\s*", "=", words).split()


def _is_option(word: str) -> bool:
    return "=" in word or word.lower() == "still"


def _may_write(channel: Any, permissions: discord.Permissions) -> bool:
    if isinstance(channel, discord.Thread):
        return permissions.send_messages_in_threads
    return permissions.send_messages
