"""Calls to Jellyfin and Emby as a user: login, token, errors.

A password is exchanged for a token, which is kept in memory and renewed once when the server no longer takes it. Every
adapter logs in as a device of its own, because these servers end the older login of the same device. A token travels
in a header only, never in an address.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.errors import InvalidInput, ServerRefused, StarlingError
from shared.mediaservers.audio import no_audio, original_audio, range_header
from shared.mediaservers.base import AudioStream, ServerConfig
from shared.mediaservers.http import Answer, Content, HttpServer, Patience, server_url
from shared.mediaservers.mediabrowser_answers import (
    User,
    choose_user,
    parse_entries,
    parse_json,
    parse_login,
    parse_refusal,
    parse_user,
)

VERSION = "1.0"
FIRST_ADMINISTRATOR = "first administrator"
"""The account of an API key for which no user was named."""
LOGOUT_S = 2.0
REFUSED_LOGINS = 2
REFUSED_S = 60.0
"""After so many wrong passwords in a row, do not try again for so long: servers lock a user out after a few more."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the two kinds of server when one speaks to them."""

    kind: str
    """How the server calls itself, as in "a Jellyfin server"."""
    base: str
    """The path of the API below the server's address, "" or "emby"."""
    header: str
    scheme: str
    """The header that introduces this client, and the word it begins with."""
    token_header: str | None
    """The header of the token alone; None where the token stands in ``header``."""
    users: str
    """The path that lists users."""
    ids: re.Pattern[str]
    """What the ids of items look like; anything else would be misread, or spoil the whole call."""


@dataclass(frozen=True, slots=True)
class Login:
    """A token and whose it is."""

    token: str
    user: User

    def __repr__(self) -> str:
        return f"Login({self.user.name!r})"


class MediaBrowserClient:
    """One server and one user."""

    def __init__(self, config: ServerConfig, dialect: Dialect, patience: Patience | None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        url = server_url(config.url)
        path = url.path.rstrip("/").removesuffix("/index.html").removesuffix("/web").rstrip("/")
        path = path.removesuffix(f"/{dialect.base}") if dialect.base else path
        self._http = HttpServer(
            url.with_path(f"{path}/{dialect.base}".rstrip("/") + "/"), patience or Patience(), "wrong_type"
        )
        self.dialect = dialect
        self.by_token = config.login == "token"
        self._username = config.username or ""
        self._secret = _usable_token(config.password) if self.by_token else _usable_text("password", config.password)
        if not self.by_token and not self._username:
            raise InvalidInput("username", "give the username for this server")
        _usable_text("username", self._username)
        self._device = f"starling-{secrets.token_hex(8)}"
        self._login: Login | None = None
        self._entering = asyncio.Lock()
        self._refusals = 0
        self._refused_at = 0.0

    @property
    def name(self) -> str:
        """The server in messages."""
        return self._http.name

    @property
    def account(self) -> str:
        """The user name as given. It must be the same before and after the login, for links are kept under it: so an
        administrator who was found is not named."""
        return self._username or FIRST_ADMINISTRATOR

    def possible(self, item_id: str) -> bool:
        """Whether this can be an id of the server."""
        return self.dialect.ids.fullmatch(item_id) is not None

    async def user_id(self) -> str:
        """The id of the user; logs in if need be."""
        return (await self._entered(None)).user.user_id

    async def anonymous(self, path: str) -> object:
        """GET without a login."""
        answer = await self._http.fetch(path, {}, self._headers(None))
        self._api_is_there(answer)
        return self._read(answer)

    async def get(self, path: str, /, **query: str | int) -> object:
        """GET; raises what ``parse_json`` and ``HttpServer.fetch`` do."""
        return await self.call("GET", path, query)

    async def call(self, method: str, path: str, query: Mapping[str, str | int], json: Any = None) -> object:
        """One call as the user. A login that is no longer taken is renewed once; what was refused for that reason was
        not done."""
        texts = {name: str(value) for name, value in query.items()}
        content = Content(json=json)
        login = await self._entered(None)
        answer = await self._http.send(method, path, texts, self._headers(login.token), content)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            login = await self._entered(login)
            answer = await self._http.send(method, path, texts, self._headers(login.token), content)
            self._still_refused(answer)
        if method != "GET" and answer.status < 300 and not answer.body:
            return None
        return self._read(answer)

    async def open(self, path: str, query: Mapping[str, str], byte_range: str | None) -> AudioStream:
        """Audio, or a range that does not exist (416). Raises like ``call``."""
        headers = range_header(byte_range)
        login = await self._entered(None)
        response = await self._http.open(path, query, {**headers, **self._headers(login.token)})
        if response.status == HTTPStatus.UNAUTHORIZED:
            response.close()
            login = await self._entered(login)
            response = await self._http.open(path, query, {**headers, **self._headers(login.token)})
        return await original_audio(self._http, response, self._no_audio)

    async def close(self) -> None:
        """End the login, so that the server does not collect them, and close the connections."""
        login, self._login = self._login, None
        if login is not None and not self.by_token:
            try:
                async with asyncio.timeout(LOGOUT_S):
                    await self._http.send("POST", "Sessions/Logout", {}, self._headers(login.token))
            except (StarlingError, TimeoutError):
                pass
        await self._http.close()

    async def _entered(self, refused: Login | None) -> Login:
        """The login to use; a new one if the server has ``refused`` the one that stands."""
        async with self._entering:
            if self._login is None or self._login is refused:
                self._login = None
                self._login = await (self._with_token() if self.by_token else self._with_password())
            return self._login

    async def _with_password(self) -> Login:
        wrong = ServerRefused("wrong_password", f"{self.name} does not accept this user name and password")
        if self._refusals >= REFUSED_LOGINS and time.monotonic() - self._refused_at < REFUSED_S:
            raise wrong
        body = Content(json={"Username": self._username, "Pw": self._secret})
        answer = await self._http.send("POST", "Users/AuthenticateByName", {}, self._headers(None), body)
        if answer.status in {401, 403}:
            self._refusals, self._refused_at = self._refusals + 1, time.monotonic()
            raise wrong
        self._api_is_there(answer)
        token, user = parse_login(self._read(answer))
        self._refusals = 0
        return Login(token, user)

    async def _with_token(self) -> Login:
        answer = await self._http.fetch(self.dialect.users, {}, self._headers(self._secret))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise ServerRefused("wrong_password", f"{self.name} does not accept this API key")
        self._api_is_there(answer)
        users = [parse_user(entry) for entry in parse_entries(self._read(answer), "users").items]
        return Login(self._secret, choose_user([user for user in users if user], self._username, self.name))

    def _api_is_there(self, answer: Answer) -> None:
        if answer.status in {404, 405, 410}:
            raise ServerRefused("not_found", f"{self.name} is not {self.dialect.kind} (HTTP {answer.status})")

    def _still_refused(self, answer: Answer) -> None:
        """The login has just worked, so it is the right that is missing."""
        if answer.status == HTTPStatus.UNAUTHORIZED:
            words = parse_refusal(answer, self.name, self._hidden()).detail
            raise ServerRefused("forbidden", f"{words}; {self.account} may not do this")

    def _no_audio(self, answer: Answer) -> StarlingError:
        """Why text came where audio was asked for."""
        try:
            self._still_refused(answer)
            self._read(answer)
        except StarlingError as error:
            return error
        return no_audio(answer, self.name)

    def _read(self, answer: Answer) -> object:
        return parse_json(answer, self.name, self.dialect.kind, self._hidden())

    def _hidden(self) -> tuple[str, ...]:
        """What a server must not get to say in our name."""
        return (self._secret, self._login.token if self._login else "")

    def _headers(self, token: str | None) -> dict[str, str]:
        parts = {"Client": "Starling", "Device": "Starling", "DeviceId": self._device, "Version": VERSION}
        if token is not None and self.dialect.token_header is None:
            parts["Token"] = token
        value = ", ".join(f'{name}="{text}"' for name, text in parts.items())
        headers = {self.dialect.header: f"{self.dialect.scheme} {value}", "Accept": "application/json"}
        if token is not None and self.dialect.token_header is not None:
            headers[self.dialect.token_header] = token
        return headers


def _usable_token(text: str | None) -> str:
    """Raises ``InvalidInput`` for a key that cannot stand in a header."""
    token = (text or "").strip()
    if not token:
        raise InvalidInput("token", "give the API key for this server")
    if not (token.isascii() and token.isprintable()) or any(letter in token for letter in ' ",'):
        raise InvalidInput("token", "this is no API key: it has letters that a key cannot have")
    return token


def _usable_text(field: str, text: str | None) -> str:
    """A password may be empty: there are users without. Raises ``InvalidInput`` for what cannot be sent."""
    if any("\ud800" <= letter <= "\udfff" for letter in text or ""):
        raise InvalidInput(field, "this is not valid text")
    return text or ""
