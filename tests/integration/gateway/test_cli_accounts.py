"""Accounts and tokens from the command line, straight on the stores, and what a gateway makes of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.cli import accounts, tokens
from services.cli.session import Session
from shared.errors import Conflict, InvalidInput
from shared.settings import Settings
from tests.e2e import cli_process
from tests.environment import environment_of
from tests.integration.gateway.api import Api
from tests.integration.gateway.people import OUR_PAGE, Person, front, told, with_password
from tests.integration.gateway.system import System
from tests.integration.gateway.test_command_line import said

GOOD = "correct horse battery"


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The command line of somebody whose environment leads to the stores."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    return Session()


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    async with front(settings) as made:
        yield made


@pytest.fixture
def password(tmp_path: Path) -> str:
    """A file with a good one."""
    file = tmp_path / "password"
    file.write_text(GOOD + "\n")
    return str(file)


async def signed_in(system: System, name: str) -> Person:
    answer = await Api(system.api.client).post("/api/v1/session", {"name": name, "password": GOOD})
    assert answer.status == 204, answer
    return Person(system, {"Cookie": answer.headers["Set-Cookie"].partition(";")[0], **OUR_PAGE})


def events_of(log: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(event["name"], event.get("role"), event.get("by")) for event in log]


async def test_the_owner_is_made_before_the_first_visit_and_signs_in(
    settings: Settings, system: System, password: str
) -> None:
    made = await cli_process.run(environment_of(settings), "accounts", "add", "Anna", "--password-file", password)
    assert (made.code, made.out, made.err) == (0, "Anna may sign in, as owner.\n", "")
    anna = await signed_in(system, "anna")
    assert (await anna.session())["role"] == "owner"
    assert events_of(await told(system)) == [("Anna", "owner", "command line")]


async def test_the_first_account_is_an_owners_and_no_password_is_easy(
    here: Session, system: System, password: str
) -> None:
    with pytest.raises(InvalidInput, match="take 10 to 200 characters"):
        await accounts.add(here, "Anna", "owner", __file__)
    with pytest.raises(InvalidInput, match="leave --role out"):
        await accounts.add(here, "Anna", "reader", password)
    assert await told(system) == []


async def test_a_lost_password_is_set_anew_and_ends_the_sessions(
    here: Session, system: System, password: str, capsys: pytest.CaptureFixture[str]
) -> None:
    olga = await with_password(system, "Olga")
    assert await accounts.set_password(here, "olga", password) == 0
    assert said(capsys) == "Olga has a new password, and has to sign in with it.\n"
    assert (await olga.session())["state"] == "signed_out"
    assert (await (await signed_in(system, "Olga")).session())["name"] == "Olga"
    assert [(event["name"], event["password"], event["by"]) for event in await told(system)] == [
        ("Olga", True, "command line")
    ]


async def test_roles_change_and_accounts_go_but_for_the_last_owner(
    here: Session, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    await with_password(system, "Olga")
    bert = await with_password(system, "Bert", "member")
    assert await accounts.set_role(here, "bert", "reader") == 0
    assert (await bert.session())["state"] == "signed_out"
    with pytest.raises(Conflict, match="this is the only owner"):
        await accounts.set_role(here, "olga", "reader")
    assert await accounts.remove(here, "bert") == 0
    with pytest.raises(Conflict, match="this is the only owner"):
        await accounts.remove(here, "olga")
    with pytest.raises(InvalidInput, match="there is no account bert; 'starling accounts list'"):
        await accounts.remove(here, "bert")
    assert said(capsys) == "Bert is reader from now on.\nRemoved Bert.\n"
    assert events_of(await told(system)) == [("Bert", "reader", "command line"), ("Bert", None, "command line")]


async def test_accounts_are_listed_for_people_and_for_programs(
    here: Session, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await accounts.list_accounts(here, as_json=False) == 0
    assert said(capsys).startswith("There is no account yet")
    await with_password(system, "Olga")
    assert await accounts.list_accounts(here, as_json=False) == 0
    heading, olga = said(capsys).splitlines()
    assert heading.split() == ["id", "name", "role", "signs", "in", "with", "since"]
    assert olga.split()[1:4] == ["Olga", "owner", "password"]
    assert await accounts.list_accounts(here, as_json=True) == 0
    listed = said(capsys)
    assert [(one["name"], one["role"]) for one in json.loads(listed)] == [("Olga", "owner")]
    assert "hash" not in listed


async def test_a_token_is_printed_once_opens_what_it_should_and_is_revoked(
    here: Session, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    await with_password(system, "Olga")
    await with_password(system, "Rita", "reader")
    with pytest.raises(InvalidInput, match="say --scope read"):
        await tokens.issue(here, "radio", "rita", "write", None)
    capsys.readouterr()
    assert await tokens.issue(here, "radio", "Rita", "read", 7) == 0
    token = said(capsys).strip()
    radio = Person(system, {"Authorization": f"Bearer {token}"})
    assert (await radio.session())["right"] == "read"

    assert await tokens.list_tokens(here, as_json=False) == 0
    listed = said(capsys)
    assert "radio" in listed and "Rita" in listed and token not in listed
    assert await tokens.list_tokens(here, as_json=True) == 0
    [document] = json.loads(said(capsys))
    assert (document["account"], document["scope"], document["expires_at"] is not None) == ("Rita", "read", True)
    assert await tokens.revoke(here, "radio") == 0
    assert said(capsys) == "Revoked radio.\n"
    assert (await radio.session())["state"] == "signed_out"
    issued, revoked = await told(system)
    assert (issued["token_name"], issued["scope"], revoked["by"]) == ("radio", "read", "command line")
    assert token not in json.dumps([issued, revoked])
