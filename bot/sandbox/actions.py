"""What a person does on the page, done in the simulated Discord."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import discord
import simcord
from discord import AppCommandOptionType as OptionType
from discord import ComponentType

from bot.sandbox import direct_messages
from bot.sandbox.conversation import (
    Json,
    actor_in,
    describe_component,
    readable_channels,
)
from bot.sandbox.server import Sandbox

Files = Mapping[str, Sequence[tuple[str, bytes]]]
"""What was uploaded, by the name of the field."""
T = TypeVar("T")

UNANSWERED = "The bot did not answer in time; please try again."
OPEN_FORMS = 50
"""Forms that are kept until they are sent, at most: Discord does not tell which were closed."""

ENTITIES = {
    ComponentType.user_select: OptionType.user,
    ComponentType.role_select: OptionType.role,
    ComponentType.channel_select: OptionType.channel,
}
"""The select menus whose values are people, roles or channels, and the slash commands' options like them."""


class ImpossibleError(Exception):
    """Discord would not let this person do that. The text is a sentence for them."""


class Actions:
    """Does in the sandbox what the page asks for. Raises ImpossibleError."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._forms: dict[
            str, tuple[simcord.MemberActor | simcord.UserHandle, simcord.InteractionResult]
        ] = {}
        self._by_name: dict[str, Callable[[Place, Json, Files], Awaitable[Json]]] = {
            "send": self._send,
            "press": self._press,
            "select": self._select,
            "submit": self._submit,
            "command": self._command,
            "complete": self._complete,
            "menu": self._menu,
            "react": self._react,
            "delete": self._delete,
        }

    async def perform(self, action: Json, files: Files) -> Json:
        """Do one thing; returns the form that the bot opened, or what it offered, if anything."""
        try:
            act = self._by_name[action["do"]]
            place = Place(self._sandbox, action["as"], int(action["channel"]))
            return await act(place, action, files)
        except (simcord.SetupError, simcord.BackendError) as error:
            raise ImpossibleError(str(error)) from None
        except (KeyError, ValueError, TypeError, StopIteration) as error:
            raise ImpossibleError(f"The page asked for something that does not exist ({error!r}).") from None

    async def _send(self, place: Place, action: Json, files: Files) -> Json:
        text, attachments = place.with_mentions(action["text"]), list(files.get("file", ()))
        reply_to = place.message(action["reply_to"]) if action.get("reply_to") else None
        sending: Awaitable[object]
        if isinstance(place.actor, simcord.UserHandle):
            sending = direct_messages.send(self._sandbox.env, place.actor, text, attachments, reply_to)
        else:
            sending = place.actor.send(place.channel, text, attachments=attachments, reply_to=reply_to)
        await self._sandbox.send(sending)
        return {}

    async def _press(self, place: Place, action: Json, files: Files) -> Json:
        message = place.message(action["message"])
        return await self._interact(place, place.actor.click(message, custom_id=action["component"]))

    async def _select(self, place: Place, action: Json, files: Files) -> Json:
        message = place.message(action["message"])
        chosen = [place.chosen(action["type"], value) for value in action["values"]]
        selecting = place.actor.select(message, chosen, custom_id=action["component"])
        return await self._interact(place, selecting)

    async def _submit(self, place: Place, action: Json, files: Files) -> Json:
        actor, form = self._forms[action["form"]]
        values: Json = {}
        for custom_id, (type, value) in action["values"].items():
            values[custom_id] = (
                [place.chosen(type, each) for each in value] if isinstance(value, list) else value
            )
        values |= {name: list(uploads) for name, uploads in files.items()}
        answer = await self._interact(place, actor.submit_modal(form, values))
        self._forms.pop(action["form"], None)
        return answer

    async def _command(self, place: Place, action: Json, files: Files) -> Json:
        options = {name: place.option(type, value) for name, (type, value) in action["options"].items()}
        options |= {name: uploads[0] for name, uploads in files.items()}
        if isinstance(place.actor, simcord.UserHandle):
            return await self._interact(place, place.actor.slash(action["name"], **options))
        return await self._interact(place, place.actor.slash(place.channel, action["name"], **options))

    async def _complete(self, place: Place, action: Json, files: Files) -> Json:
        name, option, typed = action["name"], action["option"], action["value"]
        if isinstance(place.actor, simcord.UserHandle):
            choices = place.actor.autocomplete(name, option, typed)
        else:
            choices = place.actor.autocomplete(place.channel, name, option, typed)
        _, offered = await self._sandbox.interact(choices)
        return {"choices": offered or []}

    async def _menu(self, place: Place, action: Json, files: Files) -> Json:
        name = action["name"]
        using: Awaitable[simcord.InteractionResult]
        if isinstance(place.actor, simcord.UserHandle):
            said = place.message(action["message"])
            using = direct_messages.context_menu(self._sandbox.env, place.actor, name, said)
        else:
            of_user = "user" in action
            target = place.member(int(action["user"])) if of_user else place.message(action["message"])
            using = place.actor.context_menu(place.channel, name, target)
        return await self._interact(place, using)

    async def _react(self, place: Place, action: Json, files: Files) -> Json:
        message, emoji, on = place.message(action["message"]), action["emoji"], bool(action["on"])
        await self._sandbox.send(place.actor.set_reaction(message, emoji, reacted=on))
        reaction = place.person.user.id, message.id, emoji
        (self._sandbox.reactions.add if on else self._sandbox.reactions.discard)(reaction)
        return {}

    async def _delete(self, place: Place, action: Json, files: Files) -> Json:
        await self._sandbox.send(place.actor.delete(place.message(action["message"])))
        return {}

    async def _interact(self, place: Place, interaction: Awaitable[simcord.InteractionResult]) -> Json:
        answered, result = await self._sandbox.interact(interaction)
        if not answered:
            raise ImpossibleError(UNANSWERED)
        if result is None or result.modal is None:
            return {}
        if len(self._forms) >= OPEN_FORMS:
            self._forms.pop(next(iter(self._forms)))
        token = secrets.token_hex(8)
        self._forms[token] = place.actor, result
        return {"form": token, "modal": describe_component(result.modal)}


class Place:
    """A person in a channel. Raises ImpossibleError where they cannot be there."""

    def __init__(self, sandbox: Sandbox, name: str, channel_id: int) -> None:
        self.sandbox, self.person = sandbox, sandbox.people[name]
        for channel, said in readable_channels(sandbox, self.person):
            if channel.id == channel_id:
                self.channel, self._said = channel, said
                break
        else:
            raise ImpossibleError(f"{self.person.name} does not see that channel.")
        self.actor = actor_in(self.person, self.channel)

    def message(self, id: str) -> discord.Message:
        """A message of this channel that the person sees."""
        for message in reversed(self._said):
            if message.id == int(id):
                return message
        raise ImpossibleError("That message is gone.")

    def member(self, id: int) -> simcord.MemberActor:
        """Somebody on this channel's server."""
        guild = self._guild
        for other in self.sandbox.people.values():
            if other.user.id == id and guild.id in other.members:
                return other.members[guild.id]
        raise ImpossibleError("They are not on this server, or the sandbox cannot act on them.")

    @property
    def _guild(self) -> simcord.GuildHandle:
        if self.channel.guild is None:
            raise ImpossibleError("That can be done on a server only.")
        return self.channel.guild

    def chosen(self, type: int, value: str) -> object:
        """What a select menu's value stands for."""
        entity = ENTITIES.get(ComponentType(type))
        return self.option(entity.value, value) if entity else value

    def option(self, type: int, value: Any) -> object:
        """The value of a slash command's option as SimCord takes it."""
        match OptionType(type):
            case OptionType.integer:
                return int(value)
            case OptionType.number:
                return float(value)
            case OptionType.user:
                return self.member(int(value))
            case OptionType.channel:
                return _with_id(self._guild.channels.values(), value)
            case OptionType.role:
                return _with_id(self._guild.roles.values(), value)
            case _:
                return value

    def with_mentions(self, text: str) -> str:
        """The text as Discord's own client sends it, which turns `@Alice` and `#dreams` into mentions."""
        names = {f"@{self.sandbox.bot_user.name}": self.sandbox.bot_user.mention}
        names |= {f"@{person.name}": person.user.mention for person in self.sandbox.people.values()}
        if self.channel.guild:
            names |= {f"#{name}": channel.mention for name, channel in self.channel.guild.channels.items()}
        pattern = "|".join(re.escape(name) + r"(?![\w-])" for name in sorted(names, key=len, reverse=True))
        return re.sub(pattern, lambda found: names[found[0]], text)


def _with_id(things: Any, id: str) -> Any:
    return next(thing for thing in things if thing.id == int(id))
