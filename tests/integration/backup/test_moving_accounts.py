"""Who may do what moves along."""

from __future__ import annotations

from shared import postgres
from shared.accounts import Passwords, people, sessions, tokens
from tests.integration.backup.conftest import Move
from tests.integration.backup.house import House
from tests.integration.gateway.people import OUR_PAGE, Person, front

PASSWORD = "correct horse battery"


async def test_people_and_programs_come_in_as_before_and_sessions_stay_behind(home: House, move: Move) -> None:
    async with postgres.transaction(home.pool) as connection:
        anna = await people.add_first(connection, "Anna", await Passwords().hash(PASSWORD))
        bert, _ = await people.welcome(connection, "openid:https://login.example|17", "Bert", "reader")
        _, token = await tokens.issue(connection, anna.account_id, "radio", "read", None)
        cookie = await sessions.begin(connection, anna.account_id)
    content = await home.exported()
    assert not any(secret in content for secret in (PASSWORD.encode(), token.encode(), cookie.encode()))

    async with move() as new:
        await new.imported(content)
        assert await people.by_external_id(new.connection, bert.external_id or "") == bert
        async with front(new.settings) as system:
            program = Person(system, {"Authorization": f"Bearer {token}"})
            assert (await program.session())["account_id"] == str(anna.account_id)
            browser = Person(system, {"Cookie": f"starling_session={cookie}", **OUR_PAGE})
            assert (await browser.session())["state"] == "signed_out"
            body = {"name": "anna", "password": PASSWORD}
            assert (await browser.ask("POST", "/api/v1/session", body)).status == 204
