"""The commands and their options. What they do is imported when they run, so that ``--help`` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from services.cli import account_app, import_app, playlist_app, store_app
from services.cli.perform import perform
from services.cli.session import Session

_WITH_VALUE = ("--data-dir", "--url", "--token")
_FLAGS = ("--debug",)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The options that every command knows moved to the front, so that they may stand anywhere."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            front.append(argument)
        elif argument in _WITH_VALUE:
            front += [argument, *islice(remaining, 1)]
        else:
            rest.append(argument)
    return front + rest


class _Root(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoisted(args))


class ProfileOption(StrEnum):
    """How much of a track is listened to."""

    fast = "fast"
    full = "full"


class WhereOption(StrEnum):
    """Which tracks are analysed again."""

    failed = "failed"
    model = "model"
    all = "all"


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Starling listens to your music library and finds what sounds alike.",
    epilog="Exit codes: 0 well, 1 a problem, 2 wrong usage or configuration.",
)
events_app = typer.Typer(no_args_is_help=True, help="Look at the event log.")
dead_app = typer.Typer(no_args_is_help=True, help="Commands that were given up: look at them, send them back to work.")
app.add_typer(events_app, name="events")
app.add_typer(dead_app, name="dead")

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Start it and leave.")]
Profile = Annotated[
    ProfileOption | None, typer.Option(help="fast: well-spread parts of each track; full: every second.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, its beginning, or 'last'.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this type, e.g. 'track.*'; may be repeated.")]
RunOption = Annotated[str | None, typer.Option("--run", help="Only this run.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"starling {version('starling')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="STARLING_DATA_DIR", help="Data directory of the instance that is meant.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(envvar="STARLING_URL", help="Address of the instance that is meant.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="STARLING_TOKEN", help="Its token; the variable keeps it out of process lists.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """The options before the command, which may stand after it too."""
    context.obj = Session(data_dir.expanduser().absolute() if data_dir else None, url or None, token or None, debug)


@app.command()
def up(
    context: typer.Context,
    music: Annotated[Path | None, typer.Option(metavar="PATH", help="Add this folder and analyse it.")] = None,
) -> None:
    """Run Starling on this machine until Ctrl-C: servers, services and page."""

    async def work(session: Session) -> int:
        from services.up.supervisor import Supervisor

        return await Supervisor(session.own_settings(), music=music).run()

    perform(context, work)


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Show what Starling has and what it is doing."""
    from services.cli import library

    perform(context, lambda session: library.status(session, as_json=as_json))


@app.command()
def workers(context: typer.Context, as_json: Json = False) -> None:
    """Show who is at work, on which machine, and how fast."""
    from services.cli import library

    perform(context, lambda session: library.workers(session, as_json=as_json))


@app.command()
def analyze(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(metavar="[PATH_OR_SERVER]", help="A folder, or id, name or URL of a library; left out: all."),
    ] = None,
    profile: Profile = None,
    force: Annotated[bool, typer.Option("--force", help="Analyse again what is analysed already.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Analyse a library and watch; a folder that is new is connected first."""
    from services.cli import analysis

    perform(
        context,
        lambda session: analysis.analyze(
            session, target, profile=profile, force=force, wait=not no_wait, as_json=as_json
        ),
    )


@app.command()
def reprocess(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="[SERVICE]", help="Whose work is done again.")] = "analyzer",
    where: Annotated[
        WhereOption | None,
        typer.Option(
            help="failed: what failed before; model: what an older model listened to, and what is new or changed; "
            "all: every track."
        ),
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="NAME", help="Only this library.")] = None,
    profile: Profile = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Analyse again: what failed, what an older model listened to, or everything."""
    from services.cli import analysis

    async def work(session: Session) -> int:
        scope = analysis.choose_scope(service, where)
        return await analysis.reprocess(
            session, server, scope=scope, profile=profile, wait=not no_wait, as_json=as_json
        )

    perform(context, work)


@app.command()
def runs(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Show this one: its id, or 'last'.")] = None,
    most: Annotated[int, typer.Option("-n", min=1, max=200, help="How many.")] = 20,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it ends.")] = False,
    as_json: Json = False,
) -> None:
    """List runs, newest first, or show one in full."""
    from services.cli import analysis

    if watch:
        perform(context, lambda session: analysis.watch_run(session, run or "last", as_json=as_json))
    elif run is None:
        perform(context, lambda session: analysis.list_runs(session, most, as_json=as_json))
    else:
        perform(context, lambda session: analysis.show_run(session, run, as_json=as_json))


def _command_run(context: typer.Context, run: str, verb: str) -> None:
    from services.cli import analysis

    perform(context, lambda session: analysis.command_run(session, run, verb))


@app.command()
def pause(context: typer.Context, run: RunArgument) -> None:
    """Hold a run; what is in hand is finished."""
    _command_run(context, run, "pause")


@app.command()
def resume(context: typer.Context, run: RunArgument) -> None:
    """Let a paused run go on."""
    _command_run(context, run, "resume")


@app.command()
def cancel(context: typer.Context, run: RunArgument) -> None:
    """End a run; what it has analysed stays."""
    _command_run(context, run, "cancel")


@app.command()
def similar(
    context: typer.Context,
    track: Annotated[list[str], typer.Argument(metavar="TRACK", help="Its id, or words of title, artist or album.")],
    most: Annotated[int, typer.Option("-n", min=1, max=200, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the tracks that sound most like one."""
    from services.cli import library

    perform(context, lambda session: library.similar(session, " ".join(track), most=most, as_json=as_json))


@events_app.command("tail")
def events_tail(
    context: typer.Context,
    types: Types = None,
    run: RunOption = None,
    most: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the newest events."""
    from services.cli import events

    async def work(session: Session) -> int:
        return await events.tail(session, events.make_filter(types or (), run), most, as_json=as_json)

    perform(context, work)


@events_app.command("follow")
def events_follow(
    context: typer.Context,
    types: Types = None,
    run: RunOption = None,
    most: Annotated[int, typer.Option("-n", min=0, max=100_000, help="How many to begin with.")] = 10,
    as_json: Json = False,
) -> None:
    """Show events as they are appended, until Ctrl-C."""
    from services.cli import events

    async def work(session: Session) -> int:
        return await events.follow(session, events.make_filter(types or (), run), most, as_json=as_json)

    perform(context, work)


@dead_app.command("list")
def dead_list(context: typer.Context, as_json: Json = False) -> None:
    """List what was given up, newest first."""
    from services.cli import dead

    perform(context, lambda session: dead.list_letters(session, as_json=as_json))


@dead_app.command("show")
def dead_show(
    context: typer.Context, letter: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False
) -> None:
    """Show one with its data and where it broke."""
    from services.cli import dead

    perform(context, lambda session: dead.show_letter(session, letter, as_json=as_json))


@dead_app.command("retry")
def dead_retry(
    context: typer.Context,
    letter: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Send one back to work, or all."""
    from services.cli import dead

    perform(context, lambda session: dead.retry(session, letter, every=every))


@app.command()
def doctor(
    context: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also rebuild the read models aside and compare them row for row.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check everything Starling needs, and say what to do about what is wrong."""
    from services.cli import doctor as doctoring

    perform(context, lambda session: doctoring.examine(session, deep=deep, as_json=as_json))


store_app.add_to(app)
account_app.add_to(app)
import_app.add_to(app)
playlist_app.add_to(app)
