"""The form behind *Remix*: another preset or recipe, size, quality, strength or guide for the same picture.

What it was opened for is in its custom id, and a listener reads what comes back, so that a form that was open
while the bot was restarted works as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import discord

from bot.asking import effective_in, preset_in
from bot.settings.scopes import Effective
from bot.store.jobs import Job
from bot.ui.components import Interaction
from config.presets import preset_title
from dream.recipe import MAX_LENGTH, Recipe, RecipeError
from dream.texts import Text, _

PREFIX: Final = "remix-form:"
MOST_OPTIONS: Final = 25
SIZES: Final = (512, 768, 1024, 1536, 2048)
HOW: Final = {
    "quality=quick": Text("quick quality"),
    "quality=normal": Text("normal quality"),
    "quality=rich": Text("rich quality"),
    "strength=0.007": Text("gentle strength"),
    "strength=0.014": Text("normal strength"),
    "strength=0.03": Text("wild strength"),
}


async def remix_form(interaction: Interaction, job: Job) -> discord.ui.Modal:
    """The form to change a job's recipe with."""
    bot = interaction.client
    effective = await effective_in(bot, interaction.channel)
    presets = await bot.settings.presets(interaction.guild_id)
    names = [name for name, recipe in presets.items() if bot.settings.has_weights(Recipe.parse(recipe))]
    own = [name for name in names if name not in bot.presets]
    shown = [*own, *(name for name in names if name not in own)][:MOST_OPTIONS]
    form = discord.ui.Modal(title=_("Remix"), custom_id=f"{PREFIX}{job.id}")
    _add_menu(form, "preset", _("Preset"), {name: preset_title(name) for name in shown})
    text: discord.ui.TextInput[Any] = discord.ui.TextInput(
        custom_id="recipe", default=str(_unseeded(job)), max_length=MAX_LENGTH, required=False
    )
    about = _("Or write one: it goes before the preset.")
    form.add_item(discord.ui.Label(text=_("Recipe"), description=about, component=text))
    sizes = [size for size in SIZES if size < effective.max_size] + [effective.max_size]
    _add_menu(form, "size", _("Size"), {str(size): _("{size} pixels", size=size) for size in sizes})
    how = {choice: str(text) for choice, text in HOW.items()}
    _add_menu(form, "how", _("Quality and strength"), how, most=2)  # a form has room for five fields
    about = _("A second picture: what it shows is brought out in yours.")
    guide: discord.ui.FileUpload[Any] = discord.ui.FileUpload(
        custom_id="guide", required=False, min_values=0, max_values=1
    )
    form.add_item(discord.ui.Label(text=_("Guide picture"), description=about, component=guide))
    return form


def remixed(
    job: Job, chosen: Mapping[str, str], presets: Mapping[str, str], effective: Effective
) -> tuple[Recipe, str | None]:
    """A job's recipe as a form changed it, and the preset that it now comes from. Raises RecipeError.

    What was typed keeps to the ranges of `effective`.

    The seed stays, so that what is different comes from the change; where nothing was changed, it goes.
    """
    before, typed, preset = _unseeded(job), chosen.get("recipe", "").strip(), chosen.get("preset")
    named = job.preset
    if typed and typed != str(before):
        recipe = Recipe.parse(typed, presets, effective.recipe, options=effective.options)
        named = preset_in(typed, presets)
    elif preset and preset in presets:
        recipe, named = Recipe.parse(presets[preset]), preset
        recipe = replace(recipe, size=recipe.size or before.size)
    else:
        recipe = before
    options = {"size": chosen["size"]} if "size" in chosen else {}
    for choice in chosen.get("how", "").split():
        name, _, value = choice.partition("=")
        if name in options:
            raise RecipeError(Text("You chose two kinds of {name}; please choose one.", name=name))
        options[name] = value
    recipe = recipe.adjusted(**options)
    if recipe != before and recipe.seed is None:
        recipe = replace(recipe, seed=Recipe.parse(job.recipe).seed)
    return recipe, named


def read_form(interaction: Interaction) -> tuple[str, dict[str, str]] | None:
    """The job's id and what was chosen, if this is the form; what was left as it is is left out.

    Several choices of one menu have spaces between them.
    """
    data: Mapping[str, Any] = interaction.data or {}
    custom_id = str(data.get("custom_id"))
    if not custom_id.startswith(PREFIX):
        return None
    return custom_id.removeprefix(PREFIX), dict(_values(data.get("components", ())))


def guide_in_form(interaction: Interaction) -> discord.Attachment | None:
    """The guide picture that was uploaded with the form, if one was."""
    data: Mapping[str, Any] = interaction.data or {}
    uploaded = data.get("resolved", {}).get("attachments", {}).values()
    return next((discord.Attachment(data=file, state=interaction._state) for file in uploaded), None)


def _values(components: Any) -> Iterator[tuple[str, str]]:
    for one in components:
        field = one.get("component", one)
        if value := field.get("value") or " ".join(field.get("values", ())):
            yield field["custom_id"], value


def _unseeded(job: Job) -> Recipe:
    return replace(Recipe.parse(job.recipe), seed=None)


def _add_menu(
    form: discord.ui.Modal, name: str, title: str, choices: Mapping[str, str], most: int = 1
) -> None:
    """Add a select of values and labels that may be left as it is."""
    options = [discord.SelectOption(label=label, value=value) for value, label in choices.items()]
    select: discord.ui.Select[Any] = discord.ui.Select(
        custom_id=name,
        placeholder=_("As it is"),
        options=options,
        min_values=0,
        max_values=most,
        required=False,
    )
    form.add_item(discord.ui.Label(text=title, component=select))
