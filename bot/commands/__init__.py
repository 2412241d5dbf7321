"""What members can type: one cog a file."""

COGS = (
    "bot.commands.events",
    "bot.commands.connection",
    "bot.commands.welcome",
    "bot.commands.dreaming",
    "bot.commands.comparing",
    "bot.commands.seeing",
    "bot.commands.daily",
    "bot.commands.presets",
    "bot.commands.settings",
    "bot.commands.blocking",
    "bot.commands.privacy",
    "bot.commands.operating",
    "bot.commands.about",
)
