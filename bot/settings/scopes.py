"""Effective settings: a channel's value overrides its server's, and that the operator's, up to the ceilings.

Options that a member types override all of these, up to the same limits (`Effective.parse_recipe`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from bot.settings.text import format_value, named
from bot.settings.values import CEILINGS, SETTINGS, Values
from bot.store.settings import WHOLE_SERVER
from config.schema import Commands, Config, Dream, Limits
from dream.backbone.catalog import LAYERS
from dream.octaves import DEFAULT_SIZE, VIDEO_SIZE
from dream.recipe import OPTIONS, Option, Recipe, RecipeError
from dream.suggestions import either
from dream.texts import CountedText, Text


class Scope(StrEnum):
    """Where a value was set; later scopes override earlier ones."""

    BUILT_IN = "built in"
    OPERATOR = "operator"
    SERVER = "server"
    CHANNEL = "channel"


class Effective(Values):
    """The settings of a channel, and the scope that each value comes from."""

    origins: Mapping[str, Scope]

    def parse_recipe(self, text: str, presets: Mapping[str, str]) -> Recipe:
        """Parse a recipe and complete it from these settings. Raises RecipeError if it is not allowed."""
        return self.resolve(Recipe.parse(text, presets, default=self.recipe, options=self.options))

    @property
    def options(self) -> Mapping[str, Option]:
        """The options of a recipe, with the ranges that hold here."""
        most = {"size": self.max_size, "steps": self.max_steps}
        return {name: replace(option, high=most.get(name, option.high)) for name, option in OPTIONS.items()}

    def resolve(self, recipe: Recipe) -> Recipe:
        """Complete a recipe from these settings. Raises RecipeError if it is not allowed here."""
        if closed := [name for name in recipe.networks if name not in self.networks]:
            here = next((name for name, net in LAYERS.items() if net.name in self.networks), "")
            term = next(term for term in recipe.all_terms if term.on(closed[0]))
            raise RecipeError(
                Text(
                    "{name} needs {network}, which may not dream here; try layers of {networks}, such as "
                    "{example}.",
                    name=term.label,
                    network=closed[0],
                    networks=either(self.networks),
                    example=here,
                )
            )
        if self.layers and (others := [layer for layer in recipe.layers if layer not in self.layers]):
            raise RecipeError(
                Text(
                    "{layer} may not be dreamt of here; choose from {layers}.",
                    layer=others[0],
                    layers=", ".join(self.layers),
                )
            )
        if recipe.size and recipe.size > self.max_size:
            raise RecipeError(
                Text("Dreams here have at most {most} pixels: say size={most}.", most=self.max_size)
            )
        if recipe.steps and recipe.steps > self.max_steps:
            raise RecipeError(
                CountedText(
                    "Dreams here have at most {count} step: say steps={count}.",
                    "Dreams here have at most {count} steps: say steps={count}.",
                    self.max_steps,
                )
            )
        usual, wanted = (VIDEO_SIZE, None) if recipe.moves else (DEFAULT_SIZE, self.size)
        size = recipe.size or wanted or (self.max_size if self.max_size < usual else None)
        steps = recipe.steps
        if not steps and (recipe.settled().steps or 0) > self.max_steps:
            steps = self.max_steps
        return replace(recipe, size=size, steps=steps)

    def allows(self, recipe: Recipe) -> bool:
        """Whether a recipe is allowed here."""
        try:
            self.resolve(recipe)
        except RecipeError:
            return False
        return True

    def allows_layer(self, layer: str) -> bool:
        """Whether a layer is allowed here."""
        return LAYERS[layer].name in self.networks and (not self.layers or layer in self.layers)

    def refusal(self, channel_id: int, member_id: int, role_ids: Iterable[int]) -> Text | None:
        """A sentence on why this member may not ask for a dream in this channel, or None if they may."""
        roles = set(role_ids)
        if channel_id in self.forbidden_channels:
            return Text("Dreams aren't asked for in this channel; please try another.")
        if self.channels and channel_id not in self.channels:
            return Text(
                "Dreams have their place here: please ask in {channels}.",
                channels=format_value("channels", self.channels),
            )
        if roles.intersection(self.blocked_roles):
            return Text(
                "One of your roles may not ask for dreams on this server; its admins can tell you more."
            )
        chosen = self.roles or self.members
        if chosen and member_id not in self.members and not roles.intersection(self.roles):
            return Text("On this server only some members may ask for dreams; its admins can tell you more.")
        return None


Choices = Mapping[str, Any]
"""The values that one scope sets, by the settings' names."""


def operator_values(config: Config) -> Values:
    """The operator's values; those in `CEILINGS` are also upper limits."""
    sections = ((Dream, config.dream), (Limits, config.queue), (Commands, config.discord))
    return Values(
        **{name: getattr(chosen, name) for section, chosen in sections for name in section.model_fields}
        | {"networks": config.may_dream},
        daily_sources=("samples", "sky", *(("folder",) if config.daily.folder else ())),
    )


_BUILT_IN: Final = Values()


def effective(operator: Values, server: Choices, channel: Choices) -> Effective:
    """Merge the operator's, a server's and a channel's values, and apply the ceilings."""
    values = {name: getattr(operator, name) for name in SETTINGS}
    origins = {
        name: Scope.BUILT_IN if value == getattr(_BUILT_IN, name) else Scope.OPERATOR
        for name, value in values.items()
    }
    ceilings = dict(values), dict(origins)
    for scope, choices in ((Scope.SERVER, server), (Scope.CHANNEL, channel)):
        for name, value in choices.items():
            values[name], origins[name] = value, scope

    def bound(name: str, value: Any, origin: Scope) -> None:
        if values[name] != value:
            values[name], origins[name] = value, origin

    for name in CEILINGS:
        bound(name, min(values[name], ceilings[0][name]), ceilings[1][name])
    networks = tuple(network for network in values["networks"] if network in operator.networks)
    bound("networks", networks or operator.networks, ceilings[1]["networks"])
    bound("size", min(values["size"], values["max_size"]), origins["max_size"])
    return Effective.model_construct(**values, origins=MappingProxyType(origins))


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """One server's values by channel id (`WHOLE_SERVER` for the server itself), and its own presets."""

    choices: Mapping[int, Choices] = field(default_factory=dict)
    presets: Mapping[str, str] = field(default_factory=dict)

    def effective(self, operator: Values, channel_id: int | None) -> Effective:
        """The effective settings of a channel; None for the server's own."""
        server = self.choices.get(WHOLE_SERVER, {})
        channel = self.choices.get(channel_id, {}) if channel_id else {}
        return effective(operator, server, channel)

    def with_choice(self, name: str, value: Any, channel_id: int) -> ServerSettings:
        """A copy with one setting set, or reset where `value` is None."""
        there = {key: old for key, old in self.choices.get(channel_id, {}).items() if key != name}
        if value is not None:
            there[name] = value
        choices = {channel: chosen for channel, chosen in self.choices.items() if channel != channel_id}
        if there:
            choices[channel_id] = there
        return replace(self, choices=choices)

    def conflicts(
        self, operator: Values, presets: Mapping[str, str], chosen: Collection[int] = ()
    ) -> list[Text]:
        """Sentences on settings that contradict each other, in any channel of this server.

        `chosen` are the ids of channels (or `WHOLE_SERVER`) whose recipe has just been set.
        """
        found: list[Text] = []
        for channel_id in sorted({WHOLE_SERVER, *self.choices}):
            here = self.effective(operator, channel_id)
            own = self.choices.get(channel_id, {})
            where = Text(" in <#{channel_id}>", channel_id=channel_id) if channel_id else ""
            if (size := own.get("size", 0)) > here.max_size:
                found.append(
                    Text(
                        "First change {size_setting} or {most_setting}{where}: {size} is more than {most}.",
                        size_setting=named("size"),
                        most_setting=named("max_size"),
                        where=where,
                        size=size,
                        most=here.max_size,
                    )
                )
            try:
                here.parse_recipe("", {**presets, **self.presets})
            except RecipeError as error:
                decided_in = channel_id if "recipe" in own else WHOLE_SERVER
                found.append(
                    Text(
                        "{setting} can't be “{recipe}”{where}: {error}",
                        setting=named("recipe"),
                        recipe=here.recipe,
                        where=where,
                        error=error,
                    )
                    if decided_in in chosen
                    else Text(
                        "First choose another recipe{where}, which is now “{recipe}”: {error}",
                        where=where,
                        recipe=here.recipe,
                        error=error,
                    )
                )
        return found + self._daily_conflicts(operator, presets)

    def _daily_conflicts(self, operator: Values, presets: Mapping[str, str]) -> list[Text]:
        found = []
        here = self.effective(operator, self.choices.get(WHOLE_SERVER, {}).get("daily_channel"))
        if here.daily_enabled and not here.daily_channel:
            found.append(
                Text(
                    "First choose {setting}: the daily dream needs a channel to be posted in.",
                    setting=named("daily_channel"),
                )
            )
        try:
            if here.daily_recipe and here.parse_recipe(here.daily_recipe, {**presets, **self.presets}).moves:
                found.append(Text("The daily dream is a picture: leave out >, zoom, rotate and seconds."))
        except RecipeError as error:
            found.append(
                Text(
                    "{setting} can't be “{recipe}”{where}: {error}",
                    setting=named("daily_recipe"),
                    where="",
                    recipe=here.daily_recipe,
                    error=error,
                )
            )
        return found
