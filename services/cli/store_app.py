"""The commands that work on the stores themselves, and their options: ``replay``, ``export``, ``import``,
``rotate-key``."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.perform import perform
from services.cli.session import Session
from shared.errors import InvalidInput


def add_to(app: typer.Typer) -> None:
    """Add these commands to the others."""
    for name, command in (("replay", replay), ("export", export), ("import", import_), ("rotate-key", rotate_key)):
        app.command(name)(command)


def replay(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Append events to the stream {tenant}:replay:NAME instead, for another consumer."
        ),
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option(help="Only these types, e.g. 'track.*'; with commas, or repeated.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="From this position or time on.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Up to and with this position, or before this time.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only what is about this, e.g. 'track:<id>'.")] = None,
    max_length: Annotated[
        int, typer.Option(min=1, help="Wait while the stream holds so many that were not read.")
    ] = 100_000,
    resume: Annotated[bool, typer.Option("--resume", help="Go on behind the last event in the stream.")] = False,
) -> None:
    """Build the read models anew from the archive, beside the live ones, and swap them in. Or, with --to, hand events
    of the past to another consumer."""
    from services.cli import copying
    from services.cli import replay as replaying

    async def work(session: Session) -> int:
        wanted = copying.make_wanted(types or (), since, until, subject)
        if to is not None:
            return await copying.copy_to_stream(session, to, wanted, max_length=max_length, resume=resume)
        if wanted != copying.Wanted() or resume:
            raise InvalidInput("to", "the read models are always built of everything; name a stream with --to")
        return await replaying.rebuild_read_models(session)

    perform(context, work)


def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; '-' is standard output.")],
    passphrase_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Take passwords of media servers along, encrypted with the passphrase in this file; '-' asks for it. "
            "STARLING_EXPORT_PASSPHRASE does the same.",
        ),
    ] = None,
) -> None:
    """Write everything that cannot be rebuilt to one file: a backup, or the way to another machine."""
    from services.cli.backup import commands

    perform(context, lambda session: commands.export_to(session, file, passphrase_file=passphrase_file))


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What 'export' wrote; '-' is standard input.")],
    passphrase_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The passphrase it was made with; '-' asks for it.")
    ] = None,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="Leave the passwords in it behind.")
    ] = False,
) -> None:
    """Fill a new, empty Starling from such a file."""
    from services.cli.backup import commands

    perform(
        context,
        lambda session: commands.import_from(
            session, file, passphrase_file=passphrase_file, without_secrets=without_secrets
        ),
    )


def rotate_key(context: typer.Context) -> None:
    """Encrypt the stored passwords of media servers with a new key, while everything runs."""
    from services.cli import rotation

    perform(context, rotation.rotate_key)
