"""The `dreambot` command: one subcommand a job, each importing only what it needs, so that `--help` is instant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from config.loader import Config

app = typer.Typer(
    name="dreambot",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="DeepDream from the terminal and as a Discord bot.\n\n"
    "Try `dreambot dream photo.jpg block8+block11 -o dream.png`, then `dreambot sandbox` for the bot without "
    "an account, then `dreambot run` with a token.",
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="DREAMBOT_CONFIG", metavar="FILE", help="The operator's settings (TOML)."
    ),
]


def stop(sentence: str, code: int = 1) -> NoReturn:
    """Print `sentence` on standard error and leave with `code`."""
    typer.secho(sentence, fg=typer.colors.RED, err=True)
    raise typer.Exit(code)


def read_config(path: Path | None) -> Config:
    """The operator's settings, or an exit with the sentence that says which key is wrong."""
    from config.loader import ConfigError, load_config

    try:
        return load_config(path)
    except ConfigError as error:
        stop(str(error), 2)


@app.command()
def run(config: ConfigFile = None) -> None:
    """Run the bot. Its token is read from `DISCORD_TOKEN`, or from the file that `discord.token_file` names."""
    from bot.run import run

    raise typer.Exit(run(read_config(config)))


@app.command()
def sandbox(
    say: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Say one thing, print the bot's final answer, leave.")
    ] = None,
    attach: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A picture to say it with.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="OUT", dir_okay=False, help="Where to write the answer's picture.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="S", help="Seconds to wait for the answer.")] = 300,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The page's port; 0 takes a free one.")] = 8765,
    config: ConfigFile = None,
) -> None:
    """Try the bot without a Discord account: a simulated server with the real bot in it.

    Alone it serves a page of #dreams to chat in. With `--say` it says one thing and leaves with 0, with 1 if the bot
    answered with an error, or with 2 if no answer came in time:

    `dreambot sandbox --say '!dream block8+block11' --attach photo.jpg --save dream.png`
    """
    try:
        import simcord  # noqa: F401
    except ImportError:
        stop("The sandbox needs SimCord: pip install 'dreambot[sandbox]'.")
    import bot.sandbox

    if say is None:
        if attach or save:
            stop("--attach and --save go with --say.", 2)
        raise typer.Exit(bot.sandbox.serve(read_config(config), port))
    raise typer.Exit(bot.sandbox.say(read_config(config), say, attach, save, timeout))


def main() -> None:
    """Entry point: without a traceback on Ctrl-C."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
