"""``accounts``: list, add, password, role, remove."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Final

from services.cli.output import say, say_json, table
from services.cli.perform import OK
from services.cli.register import BY, Register, opened
from services.cli.session import Session
from services.cli.wording import clean, local_time
from shared.accounts import Account, Passwords, Role, deeds, passwords, people
from shared.errors import InvalidInput
from shared.events import AccountAdded

STANDARD: Final = "-"
_LARGEST: Final = 4096


async def list_accounts(session: Session, *, as_json: bool) -> int:
    """All, by name."""
    async with opened(session) as register:
        found = await people.listed(register.connection)
    if as_json:
        say_json([_document(account) for account in found])
    elif not found:
        say("There is no account yet; 'starling accounts add NAME' makes the owner's.")
    else:
        rows = [_document(account) for account in found]
        table(
            ("id", "name", "role", "signs in with", "since"),
            [
                (*(row[key] for key in ("id", "name", "role", "signs_in_with")), local_time(row["created_at"]))
                for row in rows
            ],
        )
    return OK


async def add(session: Session, name: str, role: Role | None, password_file: str | None) -> int:
    """The first account is the owner's; also before Starling was ever started."""
    password = read_password(password_file)
    passwords.check(password, name)
    async with opened(session, make=True) as register:
        account = await _add(register, name, role, password)
        await register.tell(AccountAdded(account_id=account.account_id, name=account.name, role=account.role, by=BY))
        await register.streams.codes.forget()
    say(f"{clean(account.name)} may sign in, as {account.role}.")
    return OK


async def _add(register: Register, name: str, role: Role | None, password: str) -> Account:
    first = not await people.any_exist(register.connection)
    if first and role not in (None, "owner"):
        raise InvalidInput("role", "the first account is the owner's; leave --role out, or say --role owner")
    hashed = await Passwords().hash(password)
    if first:
        return await people.add_first(register.connection, name, hashed)
    return await people.add(register.connection, name, role or "member", hashed)


async def set_password(session: Session, name: str, password_file: str | None) -> int:
    """For somebody who has lost theirs."""
    password = read_password(password_file)
    async with opened(session) as register:
        account = await register.account(name)
        passwords.check(password, account.name)
        hashed = await Passwords().hash(password)
        _, event = await deeds.change(register.connection, account.account_id, by=BY, password_hash=hashed)
        await register.tell(event)
    say(f"{clean(account.name)} has a new password, and has to sign in with it.")
    return OK


async def set_role(session: Session, name: str, role: Role) -> int:
    """There is always an owner: raises ``Conflict`` for the last one."""
    async with opened(session) as register:
        account = await register.account(name)
        _, event = await deeds.change(register.connection, account.account_id, by=BY, role=role)
        await register.tell(event)
    say(f"{clean(account.name)} is {role} from now on.")
    return OK


async def remove(session: Session, name: str) -> int:
    """With its sessions and tokens."""
    async with opened(session) as register:
        account = await register.account(name)
        await register.tell(await deeds.remove(register.connection, account.account_id, by=BY))
    say(f"Removed {clean(account.name)}.")
    return OK


def read_password(file: str | None) -> str:
    """From a file, from standard input, or asked for twice. Raises ``InvalidInput``."""
    if file is None:
        return _asked()
    try:
        text = _beginning(file).decode()
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "is no text"
        raise InvalidInput("password", f"cannot read the password from {file}: {what}") from None
    return text.removesuffix("\n").removesuffix("\r")


def _beginning(file: str) -> bytes:
    if file == STANDARD:
        return sys.stdin.buffer.read(_LARGEST)
    with Path(file).open("rb") as source:
        return source.read(_LARGEST)


def _asked() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput(
            "password", "there is no terminal to ask at; give --password-file FILE, or - for standard input"
        )
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except EOFError:
        raise InvalidInput("password", "none was given; nothing has changed") from None
    if again != password:
        raise InvalidInput("password", "that was not the same twice; nothing has changed")
    return password


def _document(account: Account) -> dict[str, str]:
    """An account for programs, as the API shows it."""
    return {
        "id": str(account.account_id),
        "name": account.name,
        "role": account.role,
        "signs_in_with": account.signs_in_with,
        "created_at": account.created_at.isoformat(),
    }
