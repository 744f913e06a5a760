"""The commands that bring in what other programs know, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.perform import perform


def add_to(app: typer.Typer) -> None:
    """Give ``app`` these commands."""
    app.command("import-audiomuse")(import_audiomuse)


def import_audiomuse(
    context: typer.Context,
    server: Annotated[str, typer.Option(metavar="SERVER", help="Id or name of the library.")],
    database: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATABASE_URL]",
            help="postgresql://user@host/database, without a password; left out: AUDIOMUSE_DATABASE_URL.",
        ),
    ] = None,
    database_url_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file that holds the address, with its password.")
    ] = None,
    source_server: Annotated[
        str | None, typer.Option(metavar="NAME", help="What AudioMuse-AI calls the server, if it knows several.")
    ] = None,
    playlists: Annotated[bool, typer.Option("--playlists", help="Keep its playlists, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Take over what AudioMuse-AI has found out about a library; its database is only read."""
    from services.cli.audiomuse import commands

    perform(
        context,
        lambda session: commands.import_audiomuse(
            session, (database, database_url_file), server, source_server, playlists=playlists, dry_run=dry_run
        ),
    )
