"""What can be wrong with a Jellyfin or Emby, and the name that each of it gets; logins; secrets."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from shared.errors import InvalidInput, RateLimited, ServerMisbehaved, ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers import mediabrowser_client
from shared.mediaservers.base import PlaylistServer, ServerConfig
from shared.mediaservers.emby import EmbyServer
from shared.mediaservers.jellyfin import JellyfinServer
from tests.integration.mediaservers.contract import content
from tests.integration.mediaservers.mediabrowser_world import IMPATIENT, As, adapter, stocked
from tests.mediabrowser import faults
from tests.mediabrowser.records import EMBY, JELLYFIN_11, JELLYFIN_12, Flavour
from tests.mediabrowser.server import API_KEY, PASSWORD, USER, TestServer

BOTH = pytest.mark.parametrize("flavour", [JELLYFIN_11, EMBY], ids=lambda flavour: flavour.kind)
Connect = Callable[..., EmbyServer | JellyfinServer]
HTML = b"<!DOCTYPE html><html><body>Welcome</body></html>"
PROBLEM = b'{"title": "One or more validation errors occurred.", "status": 400}'


async def echoes(request: web.Request, _: faults.Obey) -> web.StreamResponse:
    """A refusal that repeats everything that was sent."""
    return web.Response(status=400, text=f"cannot do {dict(request.headers)} {await request.text()}"[:250])


@pytest.fixture
async def running(flavour: Flavour) -> AsyncIterator[TestServer]:
    async with stocked(flavour, 12) as server:
        server.spec.enabled = False
        yield server
        assert server.problems == []


@pytest.fixture
async def client(running: TestServer) -> AsyncIterator[EmbyServer | JellyfinServer]:
    client = adapter(running, As(patience=IMPATIENT))
    yield client
    running.break_call(0, faults.cut)
    await client.close()


@pytest.fixture
async def connect(running: TestServer) -> AsyncIterator[Connect]:
    """Adapters that are closed after the test."""
    made = []

    def connected(who: As | None = None) -> EmbyServer | JellyfinServer:
        made.append(adapter(running, who or As()))
        return made[-1]

    yield connected
    running.orders = []
    for client in made:
        await client.close()


async def failure(call: Awaitable[Any]) -> StarlingError:
    """What a call raises; it must be one of ours, without a foreign exception behind it."""
    with pytest.raises(StarlingError) as caught:
        await call
    assert caught.value.__cause__ is None
    return caught.value


def logins(server: TestServer) -> int:
    return sum(call.path.endswith("AuthenticateByName") for call in server.calls)


FAULTS = [
    ("error", faults.error, ServerUnavailable, "answered HTTP 500"),
    ("cut", faults.cut, ServerUnavailable, "closed the connection"),
    ("silence", faults.silence, ServerUnavailable, "did not answer in time"),
    ("half", faults.half(), ServerUnavailable, "only part of an answer"),
    ("breaks off", faults.breaks_off(20), ServerUnavailable, "broke off"),
    ("empty", faults.sends(b""), ServerUnavailable, "only part of an answer"),
    ("page", faults.sends(HTML, content_type="text/html"), ServerMisbehaved, "a web page; is this the address of"),
    ("text", faults.sends(b"Hello"), ServerMisbehaved, "something else than expected"),
    ("null", faults.sends(b"null"), ServerMisbehaved, "is no list"),
    ("wrong list", faults.sends(b'{"Items": [1, 2], "TotalRecordCount": 2}'), ServerMisbehaved, "something else"),
    ("circles", faults.sends(b"", 302, Location="/elsewhere"), ServerMisbehaved, "redirects in circles"),
    ("elsewhere", faults.sends(b"", 302, Location="http://other.example/"), ServerRefused, "give that address instead"),
    ("busy", faults.sends(b"", 429, Retry_After="9"), RateLimited, "fewer requests"),
    ("starting", faults.sends(HTML, 503, "text/html", Retry_After="9"), ServerUnavailable, "HTTP 503 Service Unav"),
    ("words", faults.sends(PROBLEM, 400), ServerRefused, "One or more validation errors occurred."),
    ("plain words", faults.sends(b"No such thing", 404, "text/plain"), ServerRefused, "No such thing"),
    ("forbidden", faults.sends(b"", 403), ServerRefused, "HTTP 403 Forbidden"),
]
EVERY_FAULT = pytest.mark.parametrize(
    ("fault", "kind", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)


@BOTH
class TestEveryFaultHasAName:
    @EVERY_FAULT
    async def test_in_a_listing(
        self, running: TestServer, client: PlaylistServer, fault: faults.Fault, kind: type[StarlingError], words: str
    ) -> None:
        await client.list_page(None)
        for listing in (client.list_page(None), client.playlists(), client.libraries()):
            running.orders = [faults.Order(number, fault) for number in range(1, 10)]
            error = await failure(listing)
            assert type(error) is kind
            assert words in str(error)
            assert getattr(error, "reason", "") != "not_subsonic"

    async def test_in_a_test_it_is_told(self, running: TestServer, client: PlaylistServer) -> None:
        for number in range(1, 5):
            running.break_call(number, faults.error)
            result = await client.test()
            assert not result.ok
            assert "answered HTTP 500" in result.message
        running.break_call(0, faults.error)
        result = await client.test()
        assert result.ok
        assert result.server_version == f"{running.flavour.kind.title()} {running.flavour.version}"

    async def test_a_server_that_starts_says_when_it_may_be_asked_again(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        running.starting = True
        error = await failure(client.list_page(None))
        assert isinstance(error, ServerUnavailable)
        assert error.retry_after_s == 7
        running.starting = False
        assert len((await client.list_page(None)).items) == 12

    async def test_a_slow_server_is_waited_for_as_long_as_patience_lasts(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        running.delay_s = 0.1
        assert len((await client.list_page(None)).items) == 12
        running.delay_s = 5.0
        assert isinstance(await failure(client.list_page(None)), ServerUnavailable)
        running.delay_s = 0.0

    async def test_a_server_that_is_down_and_comes_back(self, running: TestServer, client: PlaylistServer) -> None:
        await client.list_page(None)
        await running.stop()
        assert isinstance(await failure(client.list_page(None)), ServerUnavailable)
        await running.__aenter__()
        assert len((await client.list_page(None)).items) == 12

    @pytest.mark.parametrize("who", [As(), As(None, API_KEY, "token")], ids=["password", "key"])
    async def test_an_address_without_the_api_is_named(self, running: TestServer, connect: Connect, who: As) -> None:
        running.prefix = "/nowhere"
        client = connect(who)
        running.prefix = "/media"
        error = await failure(client.list_page(None))
        assert isinstance(error, ServerRefused)
        words = f"is not a{'n Emby' if running.flavour.emby else ' Jellyfin'} server (HTTP 404)"
        assert words in str(error)
        assert words in (await client.test()).message

    async def test_the_other_kind_of_server_is_named(self, running: TestServer) -> None:
        there = "/emby" if running.flavour.emby else ""
        running.prefix = "" if running.flavour.emby else "/emby"
        config = ServerConfig(UUID(int=1), "x", "x", None, f"http://127.0.0.1:{running.port}{there}", USER, PASSWORD)
        client = (JellyfinServer if running.flavour.emby else EmbyServer)(config)
        result = await client.test()
        await client.close()
        assert not result.ok
        assert result.message.endswith(
            "is Emby, not Jellyfin; choose Emby instead" if there else "is Jellyfin, not Emby; choose Jellyfin instead"
        )


@BOTH
class TestAudio:
    async def test_an_audio_file_that_is_cut_off_is_noticed(self, running: TestServer, client: PlaylistServer) -> None:
        await client.list_page(None)
        running.break_call(1, faults.breaks_off(100))
        stream = await client.open_audio(running.tracks[0].id)
        with pytest.raises(ServerUnavailable):
            await content(stream)

    async def test_a_page_instead_of_audio_is_refused(self, running: TestServer, client: PlaylistServer) -> None:
        await client.list_page(None)
        running.break_call(1, faults.sends(HTML, content_type="text/html"))
        assert isinstance(await failure(client.open_audio(running.tracks[0].id)), ServerMisbehaved)

    @pytest.mark.parametrize("item_id", ["../System/Info", "a/b", "", "x" * 100, "é", "?"])
    async def test_what_cannot_be_an_id_is_not_asked_for(
        self, running: TestServer, client: PlaylistServer, item_id: str
    ) -> None:
        calls = len(running.calls)
        error = await failure(client.open_audio(item_id))
        assert isinstance(error, ServerRefused)
        assert error.reason == "not_found"
        assert await client.lyrics(item_id) is None
        assert len(running.calls) == calls


@BOTH
class TestLogin:
    async def test_a_token_that_expired_is_renewed_once(self, running: TestServer, client: PlaylistServer) -> None:
        await client.playlists()
        running.tokens.clear()
        await asyncio.gather(*(client.playlists() for _ in range(5)))
        assert logins(running) == 2
        running.tokens.clear()
        assert await content(await client.open_audio(running.tracks[0].id)) == running.tracks[0].bytes()
        assert logins(running) == 3

    async def test_a_right_that_is_missing_is_no_wrong_password(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        await client.playlists()
        running.break_call(1, faults.sends(b"", 401))
        await client.playlists()
        running.orders = [faults.Order(number, faults.sends(b"", 401)) for number in (1, 3)]
        error = await failure(client.playlists())
        assert isinstance(error, ServerRefused)
        assert error.reason == "forbidden"

    async def test_two_adapters_do_not_end_each_others_login(self, running: TestServer, connect: Connect) -> None:
        one, two = connect(), connect()
        for _ in range(3):
            await one.playlists()
            await two.playlists()
        assert logins(running) == 2

    async def test_closing_ends_the_login(self, running: TestServer, connect: Connect) -> None:
        client = connect()
        await client.playlists()
        assert len(running.tokens) == 1
        await client.close()
        assert running.tokens == {}
        assert isinstance(await failure(client.playlists()), ServerUnavailable)

    async def test_closing_does_not_wait_for_a_dead_server(self, running: TestServer, connect: Connect) -> None:
        client = connect()
        await client.playlists()
        await running.stop()
        async with asyncio.timeout(1):
            await client.close()

    @pytest.mark.parametrize(("name", "password"), [(USER, "wrong"), ("Nobody", PASSWORD), ("Former", "x")])
    async def test_a_login_that_is_not_accepted_is_named(
        self, running: TestServer, connect: Connect, name: str, password: str
    ) -> None:
        client = connect(As(name, password))
        error = await failure(client.list_page(None))
        assert isinstance(error, ServerRefused)
        assert error.reason == "wrong_password"
        assert "does not accept this user name and password" in error.detail
        assert not (await client.test()).ok

    async def test_a_wrong_password_is_not_tried_until_the_user_is_locked_out(
        self, running: TestServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = connect(As(USER, "wrong"))
        for error in await asyncio.gather(*(failure(client.playlists()) for _ in range(10))):
            assert isinstance(error, ServerRefused)
            assert error.reason == "wrong_password"
        assert logins(running) == 2
        monkeypatch.setattr(mediabrowser_client, "REFUSED_S", 0.0)
        running.listener.password = "wrong"
        assert await client.playlists() == ()

    async def test_a_user_without_a_password_may_log_in(self, running: TestServer, connect: Connect) -> None:
        running.listener.password = ""
        client = connect(As(USER, None))
        assert len((await client.list_page(None)).items) == 12

    async def test_a_key_acts_for_the_named_user(self, running: TestServer, connect: Connect) -> None:
        client = connect(As(USER.upper(), API_KEY, "token"))
        remote_id = await client.create_playlist("By key", [running.tracks[0].id])
        assert running.playlists.kept[remote_id].owner == running.listener.id
        assert client.account == USER.upper()

    async def test_a_key_without_a_name_acts_for_the_first_administrator(
        self, running: TestServer, connect: Connect
    ) -> None:
        client = connect(As(None, API_KEY, "token"))
        assert client.account == "first administrator"
        remote_id = await client.create_playlist("By key", [running.tracks[0].id])
        assert running.playlists.kept[remote_id].owner == running.people[3].id
        assert client.account == "first administrator"

    async def test_a_key_for_a_user_who_is_not_there(self, running: TestServer, connect: Connect) -> None:
        client = connect(As("Bob", API_KEY, "token"))
        error = await failure(client.playlists())
        assert isinstance(error, ServerRefused)
        assert "has no user named Bob" in str(error)

    async def test_a_key_that_is_revoked_in_the_middle(self, running: TestServer, connect: Connect) -> None:
        client = connect(As(USER, API_KEY, "token"))
        await client.playlists()
        running.orders = [faults.Order(number, faults.sends(b"", 401)) for number in (1, 2)]
        error = await failure(client.playlists())
        assert isinstance(error, ServerRefused)
        assert (error.reason, "this API key" in error.detail) == ("wrong_password", True)


@BOTH
class TestAddresses:
    @pytest.mark.parametrize("ending", ["", "/", "/web", "/web/", "/web/index.html", "/emby", "/emby/"])
    async def test_as_people_copy_them(self, running: TestServer, ending: str) -> None:
        if "emby" in ending and not running.flavour.emby:
            return
        running.prefix = "/media"
        config = ServerConfig(UUID(int=1), "x", "x", None, running.url + ending, USER, PASSWORD)
        client = (EmbyServer if running.flavour.emby else JellyfinServer)(config)
        assert len((await client.list_page(None)).items) == 12
        await client.close()


@pytest.mark.parametrize("adapter_type", [JellyfinServer, EmbyServer])
class TestSettings:
    @pytest.mark.parametrize(
        ("field", "settings"),
        [
            ("url", {"url": "ftp://server", "username": "a", "password": "b"}),
            ("username", {"url": "http://server:8096", "password": "b"}),
            ("password", {"url": "http://server:8096", "username": "a", "password": "\ud800"}),
            ("token", {"url": "http://server:8096", "login": "token"}),
            ("token", {"url": "http://server:8096", "login": "token", "password": 'a", Token="b'}),
            ("token", {"url": "http://server:8096", "login": "token", "password": "a\r\nX: y"}),
            ("token", {"url": "http://server:8096", "login": "token", "password": "schlüssel"}),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_its_field(
        self, adapter_type: type[JellyfinServer | EmbyServer], field: str, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            adapter_type(ServerConfig(UUID(int=1), "x", "x", **settings))
        assert caught.value.field == field


@pytest.mark.parametrize("flavour", [JELLYFIN_12, EMBY], ids=lambda flavour: flavour.kind)
class TestSecrets:
    @staticmethod
    async def audio(running: TestServer, client: PlaylistServer) -> bytes:
        return await content(await client.open_audio(running.tracks[0].id))

    async def test_nothing_tells_a_password_or_token(
        self, running: TestServer, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told = []
        for who in (As(patience=IMPATIENT), As(USER, API_KEY, "token", patience=IMPATIENT)):
            client = connect(who)
            await client.playlists()
            hidden = [PASSWORD, API_KEY, *running.tokens]
            for fault in [echoes, *(one[1] for one in FAULTS)]:
                for call in (client.playlists(), client.create_playlist("x", []), self.audio(running, client)):
                    running.orders = [faults.Order(number, fault) for number in range(1, 5)]
                    with pytest.raises(StarlingError) as caught:
                        await call
                    told.append("".join(traceback.format_exception(caught.value)))
            running.orders = []
            told += [repr(client), repr(vars(client))]
            written = "".join([*told, caplog.text])
            assert not any(secret in written for secret in hidden)
