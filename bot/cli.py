"""The `dreambot` command: one subcommand a job, each importing only what it needs, so `--help` is instant."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from dream.extras import install

if TYPE_CHECKING:
    from config.schema import Config
    from dream.backbone.catalog import Network
    from dream.dreamer import Progress, Report
    from dream.recipe import Recipe

app = typer.Typer(
    name="dreambot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="DeepDream from the terminal and as a Discord bot.\n\n"
    "Try `dreambot dream photo.jpg block8+block11 -o dream.png`, then `dreambot sandbox` for the bot without "
    "an account, then `dreambot run` with a token.",
)


def print_version(wanted: bool) -> None:
    """Print the version and leave, if that was asked for."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dreambot {version('dreambot')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the command as a whole."""


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
    from config.loading import load_config
    from config.problems import ConfigError

    try:
        return load_config(path)
    except ConfigError as error:
        stop(str(error), 2)


Photo = Annotated[str, typer.Argument(metavar="PHOTO", help="A picture file, or `sky` for generated clouds.")]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RECIPE ...]", help="What to dream of; else the setting dream.recipe."),
]
Guide = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Dream of what this shows; with only=picture, where it is bright.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="A Keras model (.keras), whose layers one names."),
]
Preprocessing = Annotated[
    Literal["tf", "caffe", "torch", "unit", "none"],
    typer.Option(help="How pixels enter that model: docs/operators.md explains each."),
]
Json = Annotated[bool, typer.Option("--json", help="Print how it was dreamt as one object.")]


@app.command()
def dream(
    photo: Photo,
    recipe: Words = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            dir_okay=False,
            help="A .png, .jpg or .webp; of a moving picture a .mp4, .gif or .webp.",
        ),
    ] = None,
    guide: Guide = None,
    model: Model = None,
    preprocessing: Preprocessing = "tf",
    report: Json = False,
    config: ConfigFile = None,
) -> None:
    """Dream one picture, or a clip frame by frame, without Discord or a database.

    A recipe is a layer (`block8`), several (`block8+fire7*0.5`), some channels (`block8:12,40`), one of a
    thousand things (`ostrich`, `great white shark`) or a preset (`puppyslug`), with options such as `steps=20
    octaves=4 size=1024 seed=7`.

    `dreambot dream photo.jpg block9+block12 quality=rich -o dream.png`

    `dreambot dream clip.mp4 serpents -o dream.gif`

    `dreambot dream photo.jpg conv3 --model mine.keras --preprocessing unit -o dream.png`

    `dreambot dream photo.jpg 'serpents > coral > ostrich' -o dream.mp4` moves from one to the next; a shell
    needs the quotes.
    """
    formats: dict[str, Literal["png", "jpg", "webp"]] = {
        ".png": "png",
        ".jpg": "jpg",
        ".jpeg": "jpg",
        ".webp": "webp",
    }
    if out:
        check_out(out, *formats, ".mp4", ".gif")
    own = (model, preprocessing) if model else None
    with dreaming(photo, recipe, guide, config, own, quiet=report) as (picture, wanted, options):
        if wanted.is_video:
            stop("zoom, rotate and seconds make a video: write `dreambot zoom` instead.", 2)
        if wanted.is_morph and out and out.suffix.lower() in (".png", ".jpg", ".jpeg"):
            stop("A morph moves: name its dream .mp4, .gif or .webp, or name one recipe, without >.", 2)
        import dream
        from dream.picture import encode, probe
        from dream.render import film_format

        moves = film_format(wanted, probe(picture, options["limits"]) if picture else None)
        out = out or Path(f"dream.{moves or 'png'}")
        suffix = out.suffix.lower()
        if moves and suffix in (".mp4", ".gif", ".webp"):
            tell(dream.dream_clip(picture, wanted, out, **options), out, as_json=report)
            return
        if suffix not in formats:
            stop(f"{photo} is a still picture: name its dream .png, .jpg or .webp.", 2)
        result = dream.dream(picture, wanted, **options)
        data, _ = encode(result.pixels, recipe=result.report.recipe, format=formats[suffix])
        out.write_bytes(data)
    tell(result.report, out, as_json=report)


@app.command()
def zoom(
    photo: Photo,
    recipe: Words = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", dir_okay=False, help="A .mp4, .gif or .webp.")
    ] = Path("dream.mp4"),
    guide: Guide = None,
    report: Json = False,
    config: ConfigFile = None,
) -> None:
    """Dream a video: an endless fall into the picture that loops, or with `zoom=1` how its dream comes about.

    Besides a recipe's other options, `zoom` is how much larger each frame is, `rotate` how many degrees it
    turns, and `seconds` the length.

    `dreambot zoom photo.jpg block8+block11 zoom=1.02 rotate=0.5 seconds=10 -o dream.mp4`
    """
    check_out(out, ".mp4", ".gif", ".webp")
    with dreaming(photo, recipe, guide, config, quiet=report) as (picture, wanted, options):
        from dream.zoom import zoom

        done = zoom(picture, wanted, out, **options)
    tell(done, out, as_json=report)


@app.command()
def see(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False, help="A picture file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", dir_okay=False, help="A .png that shows where."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=20, help="How many things to name.")] = 5,
) -> None:
    """Say what the networks see in a picture, and with `--out` where.

    `dreambot dream photo.jpg auto` dreams of the first three.
    """
    if out:
        check_out(out, ".png")
    from dream.backbone import runtime
    from dream.picture import PictureError, decode, encode

    runtime.start()
    from dream.seeing import see, sheet

    try:
        pixels = decode(read_picture(photo))
        found = see(pixels, most)
    except PictureError as error:
        stop(str(error), 2)
    for thing in found:
        typer.echo(f"{thing.share:4.0%}  {thing.title:<28} dreambot dream {photo} {thing.name}")
    if out:
        out.write_bytes(encode(sheet(pixels, found))[0])


Name = Annotated[str, typer.Argument(metavar="NAME", help="A network, such as squeezenet.")]


@app.command()
def layers(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A network; without one, all.")] = "",
    model: Model = None,
    config: ConfigFile = None,
) -> None:
    """List the layers one can dream of, shallow to deep, with their numbers of channels."""
    from rich.console import Console
    from rich.table import Table

    from dream.backbone.catalog import NETWORKS

    read_config(config)
    name = add_model(model, "tf") if model else name
    table = Table("network", "layer", "channels", box=None, pad_edge=False)
    for network in [network_called(name)] if name else NETWORKS.values():
        for layer, channels in network.layers.items():
            table.add_row(network.title, layer, str(channels))
    Console().print(table)


@app.command()
def atlas(
    name: Name,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", dir_okay=False, help="A .jpg; else for !layers."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Draw what the layers of a network dream of, each by itself, and two channels of each.

    `!layers NAME` then shows it to members.
    """
    settings = read_config(config)
    network = network_called(name)
    if not network.source.state.is_ready:
        stop(f"{network.title}'s weights are missing: {network.source.state.detail}.")
    if out:
        check_out(out, ".jpg")
    else:
        with sentences():
            out = settings.folder / "layers" / f"{network.name}.jpg"
        out.parent.mkdir(exist_ok=True)
    from dream import atlas

    atlas.save(atlas.page(network.name, lambda layer: typer.echo(layer, err=True)), out)
    typer.echo(out)


def network_called(name: str) -> Network:
    """The network of that name, or an exit that names the nearest."""
    from config.problems import suggestion
    from dream.backbone.catalog import NETWORKS

    if name.lower() not in NETWORKS:
        stop(f"I know no network called {name[:40]}; {suggestion(name, NETWORKS)}", 2)
    return NETWORKS[name.lower()]


weights = typer.Typer(invoke_without_command=True, help="Say which networks' weights are here.")
app.add_typer(weights, name="weights")


@weights.callback()
def list_weights(context: typer.Context, config: ConfigFile = None) -> None:
    """Say which networks' weights are here, and where the others would come from."""
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.table import Table

    from dream.backbone.loading import statuses

    read_config(config)
    table = Table("network", "here", "weights", "", box=None, pad_edge=False)
    for network, state in statuses():
        here = "[green]yes[/]" if state.is_ready else "[yellow]no[/]"
        table.add_row(network.title, here, state.weights, state.detail)
    Console().print(table)


@weights.command("fetch")
def fetch_weights(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME ...]", help="Networks; else all."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Fetch the ImageNet weights of InceptionV3 (88 MB), and of networks that the settings add from
    keras.applications, into Keras' cache and check their hashes.
    """
    from dream.backbone.catalog import NETWORKS
    from dream.backbone.errors import WeightsError

    read_config(config)
    for network in map(network_called, names) if names else list(NETWORKS.values()):
        published = network.source.published
        if published is None or network.source.state.weights != "imagenet":
            if names:
                typer.echo(f"{network.title}'s weights are not fetched: {network.source.state.detail}")
            continue
        try:
            typer.echo(f"{network.title}'s weights are here: {published.fetch()}")
        except WeightsError as error:
            stop(str(error))


@app.command()
def run(config: ConfigFile = None) -> None:
    """Run the bot. Its token is read from `DISCORD_TOKEN` or from the file named by `discord.token_file`."""
    from bot.run import run

    raise typer.Exit(run(read_config(config)))


@app.command()
def sandbox(
    say: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Say one thing, print the bot's final answer, leave.")
    ] = None,
    attach: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A picture to attach."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="OUT", dir_okay=False, help="Where to write the answer's picture.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="S", help="Seconds to wait for the answer.")] = 300,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The page's port, or else the next free one; 0: any.")
    ] = 8765,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="A folder to keep what is dreamt in.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    config: ConfigFile = None,
) -> None:
    """Try the bot without a Discord account: a simulated Discord of your own with the real bot in it.

    Alone it serves a page to chat in, and opens it. With `--say` it says one thing and leaves with 0, with 1
    if the bot answered with an error, or with 2 if no answer came in time:

    `dreambot sandbox --say '!dream block8+block11' --attach photo.jpg --save dream.png`
    """
    if not all(map(find_spec, ("markdown_it", "simcord"))):
        stop(f"The sandbox needs SimCord and more: {install('sandbox')}")
    if say is None:
        from bot.sandbox.start import start

        if attach or save:
            stop("--attach and --save go with --say.", 2)
        raise typer.Exit(start(read_config(config), port, data=data, browser=browser))
    from bot.sandbox.say import say as say_once

    if save:
        check_out(save)
    raise typer.Exit(say_once(read_config(config), say, attach, save, timeout))


@app.command()
def scheduler(
    host: Annotated[str, typer.Option(metavar="HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8786,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Serve other machines without TLS: whoever reaches it rules it."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Start a cluster's Dask scheduler, with the settings that dreams need.

    Point the bot at it with `farm.scheduler = "tls://HOST:8786"` and join boxes with `dreambot worker`. Any
    host but loopback needs TLS (`dreambot certificates` makes the keys), or `--insecure` in a network of
    your own.
    """
    from dream.cluster import run_scheduler

    log_settings = read_config(config).log.settings
    raise typer.Exit(run_scheduler(host, port, insecure=insecure, log_settings=log_settings))


@app.command()
def worker(
    address: Annotated[str, typer.Argument(metavar="SCHEDULER", help="Such as tls://10.0.0.5:8786.")],
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a GPU.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of each; 0: an even share.")] = 0,
    memory_limit: Annotated[str, typer.Option(metavar="SIZE", help="Its memory, at most.")] = "auto",
    fetch: Annotated[bool, typer.Option(help="Fetch weights that are not here.")] = True,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Join another machine without TLS: whoever is near rules it.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Join this box to a cluster: one dream worker per GPU, or one on a box without.

    A scheduler on another machine needs TLS (`dreambot certificates` makes the keys), or `--insecure` in a
    network of your own.
    """
    if not re.fullmatch(r"((tcp|tls|wss?)://)?[^/\s]+:\d+", address):
        stop(f"{address} is no scheduler's address; write it as tls://HOST:8786.", 2)
    from config.schema import MEMORY

    if not re.match(MEMORY, memory_limit):
        stop(f"--memory-limit should be a size such as 6GB, auto, or 0 for none, not {memory_limit}.", 2)
    log_settings = read_config(config).log.settings
    from dream.cluster import run_workers

    raise typer.Exit(
        run_workers(
            address,
            workers=workers,
            threads=threads,
            memory_limit=memory_limit,
            fetch=fetch,
            insecure=insecure,
            log_settings=log_settings,
        )
    )


@contextmanager
def sentences() -> Iterator[None]:
    """End the command with one sentence where the database, a file or a setting cannot be used."""
    from bot.backup import BackupError
    from bot.store.errors import StoreError
    from config.problems import ConfigError

    try:
        yield
    except (BackupError, StoreError, ConfigError) as error:
        stop(str(error))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Such as dreambot.tar.")],
    config: ConfigFile = None,
) -> None:
    """Write what the bot remembers to a file: its database, and its key. It may run meanwhile.

    Whoever has the file can read every picture and setting in it.
    """
    import asyncio

    with sentences():
        from bot.backup import backup

        size = asyncio.run(backup(read_config(config), file))
    typer.echo(f"{file}: {size / 1e6:.1f} MB. `dreambot restore {file}` restores it.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="What backup wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite what is in the database, and the key.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Fill an empty database, SQLite or PostgreSQL, from a backup. Stop the bot first."""
    import asyncio

    with sentences():
        from bot.backup import restore

        counts = asyncio.run(restore(read_config(config), file, replace=replace))
    typer.echo(f"Restored {summary(counts)}.")


@app.command()
def move(
    url: Annotated[str, typer.Argument(metavar="URL", help="Such as postgresql://dreambot@db/dreambot.")],
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="A file with the new one's password.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Copy the bot's database to an empty one, as from SQLite to PostgreSQL. Stop the bot first."""
    import asyncio

    with sentences():
        from bot.backup import move
        from bot.store.database import Database
        from config.schema import with_password

        to = with_password(url, password_file, "--password-file") if password_file else url
        counts = asyncio.run(move(read_config(config), to))
    typer.echo(
        f"Moved {summary(counts)}. Now set store.url to {Database(url)}"
        + (f" and store.password_file to {password_file}" if password_file else "")
        + "; the old database is as it was."
    )


def summary(counts: dict[str, int]) -> str:
    """How many rows of which tables, in words."""
    return ", ".join(f"{count} {table}" for table, count in counts.items() if count) or "an empty database"


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as one object.")] = False,
    config: ConfigFile = None,
) -> None:
    """Say how this machine's bot stands; exit status 0 if it serves members, 1 if not, 2 if there is none.

    It asks the bot at `monitoring.host` and `monitoring.port`.
    """
    from bot.health import Health

    where = read_config(config).monitoring
    if not where.port:
        stop(
            "monitoring.port is 0, so the bot tells nothing; set it to a free port and restart the bot.",
            2,
        )
    try:
        health = Health.of_running(where)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        stop(f"No bot answers at {where.host}:{where.port} (monitoring.host, monitoring.port): {reason}", 2)
    typer.echo(json.dumps(asdict(health), ensure_ascii=False) if as_json else "\n".join(health.in_words()))
    raise typer.Exit(0 if health.is_ready else 1)


@app.command()
def certificates(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where they go.")],
    days: Annotated[int, typer.Option(min=1, max=36_500, help="For how long they are valid.")] = 825,
) -> None:
    """Make the keys of a cluster's TLS, and Dask's settings that name them.

    Copy the folder to each of its machines, to the same place, and set `DASK_CONFIG` to it for
    `dreambot scheduler`, `dreambot worker` and `dreambot run`. Whoever has them rules the cluster.
    """
    from datetime import timedelta

    from dream.certificates import write_certificates

    try:
        write_certificates(folder, timedelta(days=days))
    except FileExistsError as error:
        stop(f"{error.filename} is there already; name another folder, or delete the old keys first.")
    except OSError as error:
        stop(f"{folder} can't be written: {(error.strerror or str(error)).lower()}.")
    typer.echo(
        f"Keys for {days} days are in {folder}. Copy it to each machine, and there:\n"
        f"    export DASK_CONFIG={folder.resolve()}\n"
        'Addresses then begin with tls://, such as farm.scheduler = "tls://HOST:8786".'
    )


@app.command()
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Without a small dream, which takes seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as a list of objects.")] = False,
    config: ConfigFile = None,
) -> None:
    """Say what is right and wrong with this installation, and what mends it; 1 if it cannot work."""
    import asyncio

    import discord  # noqa: F401  -- the engine alone is no installation of the bot: `main` says so

    from bot.doctor import Level, examine

    findings = asyncio.run(examine(config, dream=not quick))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        signs = {Level.FINE: ("✓", "green"), Level.WARNING: ("•", "yellow"), Level.FAILURE: ("✗", "red")}
        for finding in findings:
            sign, colour = signs[finding.level]
            typer.echo(f"{typer.style(sign, fg=colour)} {finding.subject}: {finding.detail}")
            if finding.mend:
                typer.echo(f"  → {finding.mend}")
    raise typer.Exit(int(any(finding.level is Level.FAILURE for finding in findings)))


def check_out(out: Path, *suffixes: str) -> None:
    """Leave now, not after the dream, if the result could not be written to `out`, named with a suffix."""
    if suffixes and out.suffix.lower() not in suffixes:
        *most, last = suffixes
        stop(f"{out}: name it {', '.join(most)}{' or ' if most else ''}{last}.", 2)
    if not out.parent.is_dir():
        stop(f"{out}: there is no folder {out.parent}.", 2)
    try:
        there_already = out.exists()
        out.open("ab").close()
        if not there_already:
            out.unlink()
    except OSError as error:
        stop(f"{out} can't be written: {error.strerror}.", 2)


@contextmanager
def dreaming(
    photo: str,
    words: list[str] | None,
    guide: Path | None,
    config: Path | None,
    model: tuple[Path, str] | None = None,
    *,
    quiet: bool,
) -> Iterator[tuple[bytes | None, Recipe, dict[str, Any]]]:
    """Read what to dream from the command line; yields picture, recipe and the engine's other arguments.

    `model` is the file of a Keras model and how pixels enter it.

    Meanwhile a progress bar is shown, and whatever cannot be dreamt ends the command with one sentence.
    """
    settings = read_config(config)
    picture = None if photo == "sky" else read_picture(Path(photo))
    import dream
    from dream.picture import Limits, PictureError

    try:
        network = add_model(*model) if model else ""
        text = " ".join(words or [])
        recipe = dream.Recipe.parse(text, preset_recipes(), settings.dream.recipe, network)
        limits = settings.picture
        with dream_bar(quiet) as on_progress:
            yield (
                picture,
                recipe,
                {
                    "guide": read_picture(guide) if guide else None,
                    "limits": Limits(
                        limits.max_bytes, limits.max_pixels, limits.max_frames, length=limits.max_seconds
                    ),
                    "on_progress": on_progress,
                },
            )
    except (dream.RecipeError, PictureError) as error:
        stop(str(error), 2)
    except OSError as error:  # such as a disk that is full by now
        stop(f"{error.filename or 'The dream'} can't be written: {error.strerror or error}.")


def add_model(file: Path, preprocessing: str) -> str:
    """Make the model in `file` known to recipes; its name, or an exit that says why not."""
    from dream.backbone.catalog import add
    from dream.backbone.description import description_of
    from dream.backbone.errors import WeightsError
    from dream.backbone.preprocessing import PREPROCESSINGS
    from dream.backbone.sources import ModelFile

    try:
        description = description_of(file, "--model")
    except WeightsError as error:
        stop(str(error), 2)
    add(description.network("model", ModelFile(file, "--model"), PREPROCESSINGS[preprocessing]))
    return "model"


def tell(report: Report, out: Path, *, as_json: bool) -> None:
    """Print how the dream at `out` was dreamt."""
    if as_json:
        from dream.texts import Text

        fitted = None if report.fitted is None else str(Text.load(report.fitted))
        typer.echo(json.dumps(asdict(report) | {"fitted": fitted}, ensure_ascii=False))
        return
    size, time = f"{report.width} × {report.height}", f"{report.seconds:.1f} s"
    typer.echo(f"{out}: {size}, {report.recipe}, {report.model}, {time}")
    if report.fallback:
        typer.echo(f"{report.note} `dreambot weights fetch` fetches them.")


def read_picture(path: Path) -> bytes:
    """The file's bytes, or an exit that says why it could not be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        stop(f"{path}: {error.strerror}.", 2)


def preset_recipes() -> dict[str, str]:
    """The shipped presets, by name."""
    from config.presets import load_presets

    return {name: preset.recipe for name, preset in load_presets().items()}


@contextmanager
def dream_bar(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error; yields what to call at each step."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bar(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("waking up", total=None)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=f"octave {progress.octave} of {progress.octaves}"
                if progress.octaves > 1
                else "dreaming",
                completed=progress.step,
                total=progress.steps,
            )

        yield show


BOT = "aiohttp aiolimiter aiosqlite alembic apscheduler discord prometheus_client sqlalchemy tenacity"
EXTRAS = dict.fromkeys(BOT.split(), "bot") | dict.fromkeys(("cryptography", "dask", "distributed"), "farm")
"""The extra of `pyproject.toml` that brings a package."""


def main() -> None:
    """Entry point: without a traceback on Ctrl-C, or where an extra is not installed."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.exit(f"This needs {error.name}, which the engine alone does not: {install(extra)}")


if __name__ == "__main__":
    main()
