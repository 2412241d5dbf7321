"""Reads, changes, logs, exports and imports servers' settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, or_, select

from bot.clock import Clock
from bot.pseudonyms import pseudonyms
from bot.settings import files
from bot.settings.rows import Change, differences, load, store
from bot.settings.scopes import Effective, ServerSettings, operator_values
from bot.settings.text import expected, named, parse_value, serialize, unknown_setting
from bot.settings.values import (
    CEILINGS,
    CHANNEL_SETTINGS,
    FORGOTTEN,
    SETTINGS,
    Kind,
    SettingError,
    Values,
    kind,
)
from bot.store.database import Database, shielded
from bot.store.settings import WHOLE_SERVER, AuditRow, SettingRow
from config.presets import Preset
from config.problems import suggestion
from config.schema import Config
from dream.backbone.catalog import CLASS, LAYERS, NETWORKS
from dream.recipe import AUTO, OPTIONS, Option, Recipe, RecipeError
from dream.suggestions import both
from dream.texts import Text, _

MAX_PRESETS: Final = 50
MAX_PRESET_LENGTH: Final = 2000
"""Characters of a preset's recipe, at most: those of a Discord message."""


Exists = Callable[[Kind, int], bool]
"""Whether a server has a channel, role or member with an id."""
Listener = Callable[[int, Sequence[Change], int], Awaitable[object]]
"""Called after a server's settings changed, with the server's id, the changes and the actor's id."""


@shielded
class Settings:
    """Servers' settings and presets: a write-through cache of the database."""

    def __init__(
        self, database: Database, config: Config, clock: Clock, presets: Mapping[str, Preset] | None = None
    ) -> None:
        self.operator = operator_values(config)
        self.pseudonym = pseudonyms(config)
        self.shipped_presets = {name: preset.recipe for name, preset in (presets or {}).items()}
        self._database = database
        self._clock = clock
        self._keep_audit = timedelta(days=config.privacy.audit_days)
        self._on_cluster = bool(config.farm.scheduler)
        self._servers: dict[int, ServerSettings] = {}
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` after each change."""
        self._listeners.append(listener)

    async def server(self, guild_id: int) -> ServerSettings:
        """A server's own settings and presets."""
        if guild_id not in self._servers:
            async with self._database.session() as session:
                loaded = await load(session, guild_id)
            self._servers.setdefault(guild_id, loaded)  # a concurrent change may have stored a newer one
        return self._servers[guild_id]

    async def effective(self, guild_id: int | None, channel_id: int | None = None) -> Effective:
        """The effective settings of a channel, of a server, or (without a server) of direct messages."""
        server = await self.server(guild_id) if guild_id else ServerSettings()
        return server.effective(self.operator, channel_id)

    async def takes_reports(self, guild_id: int | None) -> bool:
        """Whether a server has a channel where its moderators read reports."""
        return bool((await self.effective(guild_id)).report_channel)

    async def presets(self, guild_id: int | None) -> dict[str, str]:
        """The recipes by name of the shipped presets and the server's own."""
        return {**self.shipped_presets, **((await self.server(guild_id)).presets if guild_id else {})}

    def has_weights(self, recipe: Recipe) -> bool:
        """Whether a recipe's weights are on this machine; those of a cluster are assumed to be there."""
        return all(map(self.has_network, recipe.networks))

    def has_network(self, name: str) -> bool:
        """The same of one network."""
        return self._on_cluster or NETWORKS[name].source.state.is_ready

    def check_weights(self, recipe: Recipe, effective: Effective) -> None:
        """Raise RecipeError if a recipe's weights are missing and its fallback layers are not allowed."""
        missing = [name for name in recipe.networks if not self.has_network(name)]
        for layer in recipe.stand_in(missing).layers if missing else ():
            if layer != CLASS and not effective.allows_layer(layer):
                titles = both([f"{NETWORKS[name].title}'s" for name in missing])
                raise RecipeError(
                    Text(
                        "{networks} weights are not here yet, and {layer}, which stands in for them until "
                        "then, may not be dreamt of here; please try later, or ask an admin to allow it.",
                        networks=titles,
                        layer=layer,
                    )
                )

    async def choose(
        self,
        guild_id: int,
        name: str,
        value: object,
        *,
        by: int,
        channel_id: int = WHOLE_SERVER,
        exists: Exists = lambda kind, number: True,
        may_set_admin_role: bool = True,
    ) -> list[Change]:
        """Set one setting of a server, or of one of its channels. Raises SettingError and changes nothing.

        `value` is text, or a value of the setting's type. `by` is the actor's id.
        """
        if channel_id != WHOLE_SERVER and not exists(Kind.CHANNEL, channel_id):
            raise SettingError(
                Text("That is no channel of this server; choose one from the list that # opens.")
            )
        here = await self.effective(guild_id, channel_id)
        accepted = self._validate(guild_id, name, value, channel_id, exists, self.ceilings(name, here))
        return await self._change(
            guild_id,
            lambda server: server.with_choice(name, accepted, channel_id),
            by=by,
            action="set",
            may_set_admin_role=may_set_admin_role,
        )

    async def choose_many(self, guild_id: int, chosen: Mapping[str, object], *, by: int) -> list[Change]:
        """Set several settings of a server in one transaction. Raises SettingError and changes nothing."""
        accepted = {
            name: self._validate(guild_id, name, value, WHOLE_SERVER, lambda kind, number: True)
            for name, value in chosen.items()
        }

        def with_all(server: ServerSettings) -> ServerSettings:
            for name, value in accepted.items():
                server = server.with_choice(name, value, WHOLE_SERVER)
            return server

        return await self._change(guild_id, with_all, by=by, action="set")

    async def reset(
        self,
        guild_id: int,
        name: str | None = None,
        *,
        by: int,
        channel_id: int = WHOLE_SERVER,
        may_set_admin_role: bool = True,
    ) -> list[Change]:
        """Reset one setting; without a name all of a channel's, or of the server's and its channels'.

        Raises SettingError and changes nothing.
        """
        if name is not None and name not in SETTINGS:
            raise unknown_setting(name)

        def without(server: ServerSettings) -> ServerSettings:
            if name is not None:
                return server.with_choice(name, None, channel_id)
            kept = {c: chosen for c, chosen in server.choices.items() if channel_id not in (WHOLE_SERVER, c)}
            return replace(server, choices=kept)

        return await self._change(
            guild_id, without, by=by, action="reset", may_set_admin_role=may_set_admin_role
        )

    async def export_toml(self, guild_id: int) -> str:
        """A server's settings and presets as TOML, for `import_toml`."""
        return files.dump(await self.server(guild_id))

    async def import_toml(
        self,
        guild_id: int,
        text: str,
        *,
        by: int,
        exists: Exists = lambda kind, number: True,
        may_set_admin_role: bool = True,
    ) -> list[Change]:
        """Replace a server's settings and presets by exported ones. Raises SettingError, changing nothing."""
        document = await asyncio.to_thread(files.parse, text)
        choices: dict[int, dict[str, Any]] = {}
        for channel_id, table in document.choices.items():
            if channel_id != WHOLE_SERVER and not exists(Kind.CHANNEL, channel_id):
                raise files.no_channel(channel_id)
            section = "server" if channel_id == WHOLE_SERVER else f"channels.{channel_id}"
            choices[channel_id] = {}
            for name, value in table.items():
                try:
                    choices[channel_id][name] = self._validate(guild_id, name, value, channel_id, exists)
                except SettingError as error:
                    raise SettingError(f"[{section}] {name[:40]}: {error}") from None
        presets = await asyncio.to_thread(self._validate_presets, document.presets)
        loaded = ServerSettings({channel: chosen for channel, chosen in choices.items() if chosen}, presets)
        return await self._change(
            guild_id, lambda _: loaded, by=by, action="import", may_set_admin_role=may_set_admin_role
        )

    async def save_preset(self, guild_id: int, name: str, recipe: str, *, by: int) -> str:
        """Save a server's preset; returns its normalised recipe. Raises SettingError."""
        here = await self.effective(guild_id)
        accepted = self._validate_preset(name, recipe, here.options)

        def saved(server: ServerSettings) -> ServerSettings:
            if name not in server.presets and len(server.presets) >= MAX_PRESETS:
                raise SettingError(
                    Text(
                        "This server has its {most} presets; delete one first.",
                        most=MAX_PRESETS,
                    )
                )
            try:
                server.effective(self.operator, None).resolve(Recipe.parse(accepted))
            except RecipeError as error:
                raise SettingError(str(error)) from None
            return replace(server, presets={**server.presets, name: accepted})

        await self._change(guild_id, saved, by=by, action="save preset")
        return accepted

    async def delete_preset(self, guild_id: int, name: str, *, by: int) -> None:
        """Delete one of a server's own presets. Raises SettingError."""

        def without(server: ServerSettings) -> ServerSettings:
            if name not in server.presets:
                own = list(server.presets)
                hint = suggestion(name, own) if own else _("it has none yet")
                raise SettingError(
                    Text(
                        "This server has no preset of its own called “{name}”; {hint}",
                        name=name[:40],
                        hint=hint,
                    )
                )
            return replace(server, presets={n: recipe for n, recipe in server.presets.items() if n != name})

        await self._change(guild_id, without, by=by, action="delete preset")

    async def audit_log(self, guild_id: int, limit: int) -> Sequence[AuditRow]:
        """A server's latest audit entries, newest first."""
        query = (
            select(AuditRow).where(AuditRow.guild_id == guild_id).order_by(AuditRow.id.desc()).limit(limit)
        )
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def forget_member(self, member_id: int) -> None:
        """Remove a member from settings, and replace their id by their pseudonym in the audit log."""
        member, stand_in = str(member_id), self.pseudonym(member_id)
        about = or_(AuditRow.actor == member, AuditRow.subject.in_([member, "members"]))
        async with self._database.session() as session, session.begin():
            for row in await session.scalars(select(SettingRow).where(SettingRow.name == "members")):
                row.value = [FORGOTTEN if one == member_id else one for one in row.value]
            for entry in await session.scalars(select(AuditRow).where(about)):
                entry.actor = stand_in if entry.actor == member else entry.actor
                entry.subject = stand_in if entry.subject == member else entry.subject
                if entry.subject == "members":
                    entry.before, entry.after = (
                        ids and [stand_in if one == member_id else one for one in ids]
                        for ids in (entry.before, entry.after)
                    )
        self._servers.clear()

    def uncache(self, guild_id: int) -> None:
        """A server's rows were deleted by somebody else."""
        self._servers.pop(guild_id, None)

    async def purge(self) -> None:
        """Delete audit entries older than `privacy.audit_days`."""
        before = self._clock.now() - self._keep_audit
        async with self._database.session() as session, session.begin():
            await session.execute(delete(AuditRow).where(AuditRow.at < before))

    def ceilings(self, name: str, here: Effective) -> Values:
        """The values that a setting goes up to: a size up to the largest one where it holds, others up to the
        operator's.
        """
        return here if name == "size" else self.operator

    def _validate(
        self,
        guild_id: int,
        name: str,
        value: object,
        channel_id: int,
        exists: Exists,
        ceilings: Values | None = None,
    ) -> Any:
        accepted = parse_value(name, value, ceilings or self.operator)
        if channel_id != WHOLE_SERVER and name not in CHANNEL_SETTINGS:
            raise SettingError(
                Text("{setting} is set for the whole server, not for one channel.", setting=named(name))
            )
        highest = self.operator.max_size if name == "size" else getattr(self.operator, name)
        if (name in CEILINGS or name == "size") and accepted > highest:
            raise SettingError(
                Text(
                    "{setting} can be at most {highest}, not “{typed}”: the bot's operator set that limit.",
                    setting=named(name),
                    highest=highest,
                    typed=accepted,
                )
            )
        if name == "networks" and (closed := set(accepted) - set(self.operator.networks)):
            raise SettingError(Text("The bot's operator does not let {network} dream.", network=closed.pop()))
        if name == "daily_sources" and set(accepted) - {"samples", "sky", *self.operator.daily_sources}:
            raise SettingError(
                Text("The operator of this bot offers no folder of pictures; try samples or sky.")
            )
        if name == "admin_role" and accepted == guild_id:  # the id of the role @everyone
            raise SettingError(
                Text(
                    "{setting} can't be @everyone: everybody could change these settings then.",
                    setting=named(name),
                )
            )
        several = accepted if isinstance(accepted, tuple) else (accepted,) if accepted else ()
        if kind(name) in _ID_KINDS and (
            strangers := [n for n in several if not exists(_ID_KINDS[kind(name)], n)]
        ):
            raise SettingError(
                Text(
                    "{setting} must be {expected}; {id} is not of this server.",
                    setting=named(name),
                    expected=expected(name),
                    id=strangers[0],
                )
            )
        return accepted

    def _validate_preset(self, name: str, recipe: object, options: Mapping[str, Option] = OPTIONS) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
            raise SettingError(
                Text(
                    "“{name}” can't be a preset's name; use 2 to 31 small letters, digits and underscores.",
                    name=name[:40],
                )
            )
        if (
            name in LAYERS
            or name in (CLASS, AUTO)
            or name in OPTIONS
            or name in self.shipped_presets
            or name in ("all", "none")
        ):
            raise SettingError(
                Text("“{name}” already means something in a recipe; please choose another name.", name=name)
            )
        if not isinstance(recipe, str) or len(recipe) > MAX_PRESET_LENGTH:
            raise SettingError(
                Text(
                    "{name}: a recipe is a text of at most {most} characters.",
                    name=name,
                    most=MAX_PRESET_LENGTH,
                )
            )
        try:
            return str(Recipe.parse(recipe, self.shipped_presets, options=options))
        except RecipeError as error:
            raise SettingError(f"{name}: {error}") from None

    def _validate_presets(self, presets: Mapping[str, object]) -> dict[str, str]:
        if len(presets) > MAX_PRESETS:
            raise SettingError(Text("[presets] A server has room for {most} presets.", most=MAX_PRESETS))
        return {name: self._validate_preset(name, recipe) for name, recipe in presets.items()}

    async def _change(
        self,
        guild_id: int,
        change: Callable[[ServerSettings], ServerSettings],
        *,
        by: int,
        action: str,
        may_set_admin_role: bool = True,
    ) -> list[Change]:
        """Apply and log `change` in one transaction, then call the listeners. Raises SettingError."""
        async with self._database.session() as session, session.begin():
            before = await load(session, guild_id)
            after = change(before)
            changes = [*differences(before, after)]
            if not may_set_admin_role and any(name == "admin_role" for _, name, *_ in changes):
                raise SettingError(
                    Text("Only members with Manage Server can choose {setting}.", setting=named("admin_role"))
                )
            known = before.conflicts(self.operator, self.shipped_presets)
            chosen = {c.channel_id for c in changes if c.name == "recipe" and c.after is not None}
            for fault in after.conflicts(self.operator, self.shipped_presets, chosen):
                if fault not in known:
                    raise SettingError(fault)
            for one in changes:
                await store(session, guild_id, one)
                entry = AuditRow(
                    at=self._clock.now(),
                    guild_id=guild_id,
                    channel_id=max(one.channel_id, WHOLE_SERVER),
                    actor=str(by),
                    action=action,
                    subject=one.name,
                    before=serialize(one.before),
                    after=serialize(one.after),
                )
                session.add(entry)
        self._servers[guild_id] = after
        if changes:
            for listener in self._listeners:
                await listener(guild_id, changes, by)
        return changes


_ID_KINDS: Final = {
    Kind.CHANNELS: Kind.CHANNEL,
    Kind.CHANNEL: Kind.CHANNEL,
    Kind.ROLES: Kind.ROLE,
    Kind.ROLE: Kind.ROLE,
    Kind.MEMBERS: Kind.MEMBERS,
}
"""The kind of object whose ids a setting of this kind contains."""
