"""The commands about who may do what, and their options: ``accounts``, ``tokens``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from services.cli.perform import perform

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the account.")]
PasswordFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Where the password stands, alone; '-' is standard input. Left out: asked for."),
]


class RoleOption(StrEnum):
    """What an account may do."""

    owner = "owner"
    member = "member"
    reader = "reader"


class ScopeOption(StrEnum):
    """What a token is for."""

    metrics = "metrics"
    read = "read"
    write = "write"
    admin = "admin"


accounts_app = typer.Typer(
    no_args_is_help=True, help="Who may sign in; also before the first visit, and when locked out."
)
tokens_app = typer.Typer(no_args_is_help=True, help="Tokens with which programs act for an account.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the others."""
    app.add_typer(accounts_app, name="accounts")
    app.add_typer(tokens_app, name="tokens")


@accounts_app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the accounts."""
    from services.cli import accounts

    perform(context, lambda session: accounts.list_accounts(session, as_json=as_json))


@accounts_app.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[
        RoleOption | None, typer.Option(help="Left out: owner for the first account, member for others.")
    ] = None,
    password_file: PasswordFile = None,
) -> None:
    """Add an account with a password."""
    from services.cli import accounts

    perform(context, lambda session: accounts.add(session, name, role.value if role else None, password_file))


@accounts_app.command("password")
def password(context: typer.Context, name: Name, password_file: PasswordFile = None) -> None:
    """Set a new password; whoever is signed in to the account is signed out."""
    from services.cli import accounts

    perform(context, lambda session: accounts.set_password(session, name, password_file))


@accounts_app.command("role")
def role(context: typer.Context, name: Name, role: Annotated[RoleOption, typer.Argument(metavar="ROLE")]) -> None:
    """Set another role: owner, member or reader. Whoever is signed in to the account is signed out."""
    from services.cli import accounts

    perform(context, lambda session: accounts.set_role(session, name, role.value))


@accounts_app.command("remove")
def remove(context: typer.Context, name: Name) -> None:
    """Remove an account with its sessions and tokens. Playlists and everything else stay."""
    from services.cli import accounts

    perform(context, lambda session: accounts.remove(session, name))


@tokens_app.command("list")
def tokens_list(context: typer.Context, as_json: Json = False) -> None:
    """List the tokens of all accounts, newest first."""
    from services.cli import tokens

    perform(context, lambda session: tokens.list_tokens(session, as_json=as_json))


@tokens_app.command("issue")
def tokens_issue(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, e.g. the program's name.")],
    account: Annotated[str, typer.Option(metavar="NAME", help="The account that it acts for.")],
    scope: Annotated[ScopeOption, typer.Option(help="What it opens; each holds those before it.")] = ScopeOption.read,
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="How long it is good for; left out: until it is revoked.")
    ] = None,
) -> None:
    """Make a token and print it: it is not shown again."""
    from services.cli import tokens

    perform(context, lambda session: tokens.issue(session, name, account, scope.value, days))


@tokens_app.command("revoke")
def tokens_revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its name or id.")],
) -> None:
    """Revoke a token: from now on it opens nothing."""
    from services.cli import tokens

    perform(context, lambda session: tokens.revoke(session, token))
