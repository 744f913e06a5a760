"""The commands about playlists and their options: ``cluster``, ``keep``, ``sync``, ``playlists``, ``schedules``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.perform import perform

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Watch until it ends, or start it and leave.")]
Playlist = Annotated[str, typer.Argument(metavar="PLAYLIST", help="Its name, its id, or the beginning of that.")]
Servers = Annotated[list[str] | None, typer.Option("--server", metavar="NAME", help="Only this one; may be repeated.")]


class AlgorithmOption(StrEnum):
    """How tracks are grouped."""

    kmeans = "kmeans"
    minibatch_kmeans = "minibatch_kmeans"
    dbscan = "dbscan"
    hdbscan = "hdbscan"
    gmm = "gmm"
    spectral = "spectral"


class KindOption(StrEnum):
    """What a schedule does."""

    analysis = "analysis"
    clustering = "clustering"
    sync = "sync"
    listening = "listening"
    refresh = "refresh"


class FormatOption(StrEnum):
    """Of playlist files."""

    m3u8 = "m3u8"
    jspf = "jspf"


playlists_app = typer.Typer(invoke_without_command=True, help="Look at playlists, change them, as files and back.")
schedules_app = typer.Typer(invoke_without_command=True, help="What happens by the clock.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the others."""
    for command in (cluster, keep, sync):
        app.command()(command)
    app.add_typer(playlists_app, name="playlists")
    app.add_typer(schedules_app, name="schedules")


def cluster(  # noqa: PLR0913, PLR0917 - the options of a command
    context: typer.Context,
    algorithm: Annotated[
        list[AlgorithmOption] | None, typer.Option(help="Only this one; may be repeated. Left out: all that suit.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same playlists.")] = None,
    most: Annotated[int | None, typer.Option("--playlists", min=1, max=400, help="At most so many playlists.")] = None,
    evaluations: Annotated[int | None, typer.Option(min=1, max=20_000, help="At most so many ways to try.")] = None,
    server: Servers = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the playlists.")] = False,
    sync: Annotated[bool, typer.Option("--sync", help="Keep them and write them to the media servers.")] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Group the library by sound and propose playlists."""
    from services.cli import clusters, syncing

    async def work(session: Any) -> int:
        options: dict[str, Any] = {"save": save or sync, "sync": sync}
        given = {"seed": seed, "playlists_max": most, "evaluations": evaluations}
        options |= {name: value for name, value in given.items() if value is not None}
        if algorithm:
            options["algorithms"] = [one.value for one in algorithm]
        if server:
            options["server_ids"] = await syncing.server_ids(session, server)
        return await clusters.cluster(session, options, wait=wait, as_json=as_json)

    perform(context, work)


def keep(
    context: typer.Context,
    clustering: Annotated[str, typer.Argument(metavar="[CLUSTERING]", help="Its id, or 'last'.")] = "last",
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Left out: all.")] = None,
    sync: Annotated[bool, typer.Option("--sync", help="Write them to the media servers, too.")] = False,
    as_json: Json = False,
) -> None:
    """Keep playlists that a clustering proposed."""
    from services.cli import clusters

    perform(context, lambda session: clusters.keep(session, clustering, numbers or [], sync=sync, as_json=as_json))


def sync(
    context: typer.Context,
    playlists: Annotated[
        list[str] | None, typer.Argument(metavar="[PLAYLIST]...", help="Names or ids; left out: all.")
    ] = None,
    server: Servers = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would change.")] = False,
    revive: Annotated[bool, typer.Option("--revive", help="Also write what was deleted on the server.")] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Write playlists to media servers."""
    from services.cli import syncing

    perform(
        context,
        lambda session: syncing.sync(
            session, playlists or [], server or [], preview=preview, revive=revive, wait=wait, as_json=as_json
        ),
    )


@playlists_app.callback()
def playlists(context: typer.Context) -> None:
    """List the playlists; the commands below do more."""
    if context.invoked_subcommand is None:
        playlists_list(context)


@playlists_app.command("list")
def playlists_list(
    context: typer.Context,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were deleted.")] = False,
    as_json: Json = False,
) -> None:
    """List the playlists, by name."""
    from services.cli import playlists as work

    perform(context, lambda session: work.list_playlists(session, deleted=deleted, as_json=as_json))


@playlists_app.command("show")
def playlists_show(context: typer.Context, playlist: Playlist, as_json: Json = False) -> None:
    """Show one with its tracks and versions."""
    from services.cli import playlists as work

    perform(context, lambda session: work.show_playlist(session, playlist, as_json=as_json))


@playlists_app.command("export")
def playlists_export(
    context: typer.Context,
    playlist: Playlist,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Left out: to the terminal.")] = None,
    file_format: Annotated[FormatOption | None, typer.Option("--format", help="Left out: by the file's name.")] = None,
) -> None:
    """Write one to a file, M3U8 or JSPF."""
    from services.cli import playlists as work

    perform(context, lambda session: work.export(session, playlist, file, file_format.value if file_format else None))


@playlists_app.command("import")
def playlists_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    name: Annotated[str | None, typer.Option(help="Left out: that of the file.")] = None,
    as_json: Json = False,
) -> None:
    """Make one of an M3U or JSPF file."""
    from services.cli import playlists as work

    perform(context, lambda session: work.import_file(session, file, name, as_json=as_json))


@playlists_app.command("rename")
def playlists_rename(context: typer.Context, playlist: Playlist, name: str) -> None:
    """Give one another name."""
    from services.cli import playlists as work

    perform(context, lambda session: work.change(session, playlist, name=name))


@playlists_app.command("lock")
def playlists_lock(context: typer.Context, playlist: Playlist) -> None:
    """Keep one as it is: clusterings leave it alone."""
    from services.cli import playlists as work

    perform(context, lambda session: work.change(session, playlist, locked=True))


@playlists_app.command("unlock")
def playlists_unlock(context: typer.Context, playlist: Playlist) -> None:
    """Let clusterings refresh one again."""
    from services.cli import playlists as work

    perform(context, lambda session: work.change(session, playlist, locked=False))


@playlists_app.command("delete")
def playlists_delete(
    context: typer.Context,
    playlist: Playlist,
    remote: Annotated[bool, typer.Option("--remote", help="On the media servers, too.")] = False,
) -> None:
    """Delete one; every version of it can be restored."""
    from services.cli import playlists as work

    perform(context, lambda session: work.delete(session, playlist, remote=remote))


@playlists_app.command("restore")
def playlists_restore(
    context: typer.Context, playlist: Playlist, version: Annotated[int, typer.Argument(min=1)]
) -> None:
    """Bring back a version, also of a deleted playlist."""
    from services.cli import playlists as work

    perform(context, lambda session: work.restore(session, playlist, version))


@schedules_app.callback()
def schedules(context: typer.Context) -> None:
    """List the schedules; the commands below do more."""
    if context.invoked_subcommand is None:
        schedules_list(context)


@schedules_app.command("list")
def schedules_list(context: typer.Context, as_json: Json = False) -> None:
    """List the schedules, each with when it is due next."""
    from services.cli import schedules as work

    perform(context, lambda session: work.list_schedules(session, as_json=as_json))


@schedules_app.command("set")
def schedules_set(
    context: typer.Context,
    name: str,
    kind: KindOption,
    cron: Annotated[str, typer.Argument(help="Five fields in quotes, or '@daily' and the like.")],
    timezone: Annotated[str, typer.Option(help="E.g. Europe/Oslo.")] = "UTC",
    server: Servers = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Set it, but let nothing happen.")] = False,
    as_json: Json = False,
) -> None:
    """Make a schedule, or replace the one of that name."""
    from services.cli import schedules as work

    perform(
        context,
        lambda session: work.set_schedule(
            session, name, (kind.value, cron, timezone), server or [], enabled=not disabled, as_json=as_json
        ),
    )


@schedules_app.command("remove")
def schedules_remove(
    context: typer.Context, schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name or id.")]
) -> None:
    """Remove a schedule."""
    from services.cli import schedules as work

    perform(context, lambda session: work.remove_schedule(session, schedule))
