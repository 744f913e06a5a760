"""One login to a Subsonic server: methods in, ``subsonic-response`` objects out.

The login is the salted token (``t = md5(password + salt)``, a fresh salt for every request) or an API key; a password
never leaves this module. What writes goes by POST, since the HTTP client beneath sends a GET once more when a
connection is cut, and a playlist would be made twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote_plus

import aiohttp

from shared.errors import InvalidInput, ServerMisbehaved, ServerRefused
from shared.mediaservers.base import ServerConfig
from shared.mediaservers.http import Content, HttpServer, Patience, server_url
from shared.mediaservers.json_answers import Json
from shared.mediaservers.subsonic_answers import parse_extensions, parse_response

API_VERSION = "1.16.1"
URL_LENGTH = 4_000
"""Characters of parameters in a URL; proxies stop at 8 kB for the whole."""
FORM_LENGTH = 400_000
MOST_FIELDS = 900
"""PHP servers silently drop what comes after the 1,000th field."""

Fields = Sequence[tuple[str, str]]


class SubsonicClient:
    """See the module. Raises what ``parse_response`` and ``HttpServer.send`` do."""

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        url = server_url(config.url)
        self._by_key = config.login == "token"
        if not self._by_key:
            _usable("username", config.username)
        _usable("token" if self._by_key else "password", config.password)
        path = url.path.rstrip("/").removesuffix("/rest")
        self.http = HttpServer(url.with_path(path + "/rest/"), patience or Patience())
        self.account = config.username or ""
        self._secret = config.password or ""
        self.posts = True
        """False once the server has refused a POST: then a call that is cut off may have been obeyed twice."""
        self._extensions: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """The server in messages."""
        return self.http.name

    async def call(self, method: str, /, **query: str | int) -> Json:
        """One method that reads."""
        login = self._login()
        texts = {name: str(value) for name, value in query.items()}
        answer = await self.http.fetch(f"{method}.view", {**login, **texts})
        return parse_response(answer, self.name, hidden(login))

    async def write(self, method: str, fields: Fields) -> Json:
        """One method that changes something; ``fields`` may name a parameter more than once."""
        login = self._login()
        sent = (*login.items(), *fields)
        posted = self.posts
        if await self.takes_forms():
            answer = await self.http.send("POST", f"{method}.view", (), content=Content(form=sent))
        else:
            answer = await self.http.send("POST" if posted else "GET", f"{method}.view", sent)
        if posted and answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.posts = False
            answer = await self.http.fetch(f"{method}.view", sent)
        return parse_response(answer, self.name, hidden(login))

    async def batches(self, name: str, values: Sequence[str]) -> list[Fields]:
        """``values`` as fields ``name``, cut into as many requests as they need; one without fields for none."""
        length = FORM_LENGTH if await self.takes_forms() else URL_LENGTH
        return list(cut([(name, value) for value in values], length)) or [()]

    async def takes_forms(self) -> bool:
        """Parameters may travel in the body of a POST."""
        return "formPost" in await self.extensions()

    async def extensions(self) -> frozenset[str]:
        """The OpenSubsonic extensions that the server announces, asked for once; none on other servers."""
        if self._extensions is None:
            try:
                self._extensions = parse_extensions(await self.call("getOpenSubsonicExtensions"))
            except (ServerRefused, ServerMisbehaved) as error:
                if error.reason == "wrong_password":
                    raise
                self._extensions = frozenset()
        return self._extensions

    async def open(
        self, method: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[aiohttp.ClientResponse, tuple[str, ...]]:
        """An answer to be read bit by bit, and what must not be repeated from it."""
        login = self._login()
        return await self.http.open(f"{method}.view", {**login, **query}, headers), hidden(login)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()

    def _login(self) -> dict[str, str]:
        """The parameters of every request. MD5 is what the protocol asks for."""
        common = {"v": API_VERSION, "c": "starling", "f": "json"}
        if self._by_key:
            return {"apiKey": self._secret, **common}
        salt = secrets.token_hex(8)
        token = hashlib.md5((self._secret + salt).encode(), usedforsecurity=False).hexdigest()
        return {"u": self.account, "t": token, "s": salt, **common}


def hidden(login: Mapping[str, str]) -> tuple[str, ...]:
    """The parts of a login that no message may repeat."""
    return tuple(login[name] for name in ("t", "s", "apiKey") if name in login)


def cut(fields: Fields, length: int) -> Iterator[Fields]:
    """``fields`` in order, in runs whose encoded length stays within ``length`` (each run holds at least one)."""
    run: list[tuple[str, str]] = []
    used = 0
    for name, value in fields:
        needed = len(name) + len(quote_plus(value)) + 2
        if run and (used + needed > length or len(run) == MOST_FIELDS):
            yield run
            run, used = [], 0
        run.append((name, value))
        used += needed
    if run:
        yield run


def _usable(field: str, text: str | None) -> None:
    """Raises ``InvalidInput`` for a login that is empty or cannot be sent."""
    if not text:
        raise InvalidInput(field, f"give the {field} for this server")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInput(field, "this is not valid text")
