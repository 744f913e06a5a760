"""One pooled session to one media server.

Whatever goes wrong becomes an exception of ``shared.errors``. aiohttp's own exceptions name the URL, and ours may carry
a login token in its query: so a new exception is raised after the ``except`` block has ended, without cause or context.

Nothing is retried here, save by aiohttp itself: a GET or DELETE that meets a pooled connection which the server has
just closed is sent once more.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

import aiohttp
from yarl import URL

from shared.errors import InvalidInput, RateLimited, ServerMisbehaved, ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers.addresses import ForbiddenAddress, guarded_socket, is_forbidden

MAX_ANSWER = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
"""In an answer, by its brackets and commas: Python needs thirty bytes and more for each byte of ``{},{},``. The largest
playlist of the most talkative server has a million."""
MAX_ERROR_ANSWER = 64 * 1024
MAX_CALLS = 6
MAX_CONNECTIONS = 24
MAX_REDIRECTS = 5
MAX_RETRY_AFTER_S = 600.0
CHUNK = 256 * 1024

_FOREIGN = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
_NO_NAME = (aiohttp.ClientConnectorDNSError,)
_NO_TRUST = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError)
_SPOKEN_FOR = (*_NO_NAME, *_NO_TRUST)
_MEANINGS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (_NO_NAME, "cannot be found: its name is not known"),
    (_NO_TRUST, "offers no secure connection that can be trusted"),
    ((TimeoutError,), "did not answer in time"),
    ((aiohttp.ServerDisconnectedError,), "closed the connection without an answer"),
    ((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, OSError), "broke off in the middle of an answer"),
)
"""First match wins: aiohttp's time-outs and connection errors are OSErrors too."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, for the next bytes, and for a whole answer that is not audio."""

    connect_s: float = 10.0
    idle_s: float = 30.0
    answer_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with a status below 500."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What a request carries: JSON (anything but None) or the fields of a form, as mapping or as pairs."""

    json: Any = None
    form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None


def server_url(text: str | None) -> URL:
    """The address of a server as a user types it. Raises ``InvalidInput``, which never repeats the address, since that
    may hold a password."""
    url = _parsed((text or "").strip())
    if url is None:
        raise InvalidInput("url", "this is not an address; it looks like http://server:4533")
    if url.scheme not in {"http", "https"} or not url.host or not url.port:
        raise InvalidInput("url", "give an address that begins with http:// or https://, e.g. http://server:4533")
    if is_forbidden(url.host):
        raise InvalidInput("url", "no media server can have this address; give the server's own")
    if url.user or url.password:
        raise InvalidInput("url", "put user name and password into their own fields, not into the address")
    if url.query_string or url.fragment:
        raise InvalidInput("url", "leave out what follows the ? or # in the address")
    return url


def _parsed(text: str) -> URL | None:
    """None for what is no URL. The parser's exceptions repeat it, so none of them gets out."""
    try:
        url = URL(text)
        usable = not any(letter.isspace() for letter in text) and url.port != 0
    except ValueError:
        return None
    return url if usable else None


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    content: Content


Query = Mapping[str, str] | Sequence[tuple[str, str]]
"""Parameters in the URL; as pairs where one may come more than once. Never a secret, if the server allows it."""


class HttpServer:
    """Requests to one server: redirects stay on its host and port, at most 6 calls run at a time."""

    def __init__(self, base: URL, patience: Patience, misfit: str = "not_subsonic") -> None:
        """``misfit`` is the reason of ``ServerMisbehaved`` for what is no server of the expected kind."""
        self._patience = patience
        self._misfit = misfit
        self.name = f"the server at {base.host}:{base.port}"
        self._base = base
        self._calls = asyncio.Semaphore(MAX_CALLS)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def fetch(self, path: str, query: Query, headers: Mapping[str, str] | None = None) -> Answer:
        """A whole answer to GET. Raises ``ServerUnavailable``, ``RateLimited``, ``ServerRefused``,
        ``ServerMisbehaved``."""
        return await self.send("GET", path, query, headers)

    async def send(
        self,
        method: str,
        path: str,
        query: Query,
        headers: Mapping[str, str] | None = None,
        content: Content | None = None,
    ) -> Answer:
        """A whole answer to any method. Raises like ``fetch``; whether a request that raised was obeyed is unknown."""
        async with self._calls:
            request = _Request(method, headers or {}, content or Content())
            response = await self._get(path, query, request, self._timeout(self._patience.answer_s))
            body = await self.read(response, MAX_ANSWER)
            if sum(map(body.count, (b",", b"{", b"["))) > MAX_VALUES:
                raise ServerMisbehaved("wrong_type", f"{self.name} answered with more than {MAX_VALUES} values")
            return Answer(response.status, response.content_type, body)

    async def open(self, path: str, query: Query, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """An answer whose body the caller reads with ``chunks`` and closes. Raises like ``fetch``."""
        request = _Request("GET", {"Accept-Encoding": "identity", **headers}, Content())
        return await self._get(path, query, request, self._timeout(None))

    def chunks(self, response: aiohttp.ClientResponse, announced: int | None) -> Body:
        """The body, of which the server has announced so many bytes."""
        return Body(self, response, announced)

    async def read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        """The body, at most ``limit`` bytes. Raises ``ServerMisbehaved`` on a longer one."""
        body = bytearray()
        try:
            async for chunk in self.chunks(response, None):
                body += chunk
                if len(body) > limit:
                    raise ServerMisbehaved("wrong_type", f"{self.name} answered with more than {limit} bytes")
        finally:
            response.close()
        return bytes(body)

    async def close(self) -> None:
        """Close the connections; requests from now on are told that the server is unavailable."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _timeout(self, total_s: float | None) -> aiohttp.ClientTimeout:
        """``connect`` bounds the wait for a free connection as well."""
        patience = self._patience
        return aiohttp.ClientTimeout(
            total=total_s, connect=patience.answer_s, sock_connect=patience.connect_s, sock_read=patience.idle_s
        )

    def _open_session(self) -> aiohttp.ClientSession:
        """Made when first needed, since it belongs to the running event loop."""
        if self._closed:
            raise ServerUnavailable(f"the connection to {self.name} was closed, because its settings changed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, socket_factory=guarded_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Starling"},
            )
        return self._session

    async def _get(
        self, path: str, query: Query, request: _Request, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        url = (self._base / path).with_query(query)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._get_once(url, request, limits)
            if response.status not in {301, 302, 303, 307, 308}:
                return self._usable(response)
            response.close()
            url = self._redirected(url, response.headers.get("Location", ""))
        raise ServerMisbehaved(self._misfit, f"{self.name} redirects in circles; check its address")

    async def _get_once(self, url: URL, request: _Request, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Redirects keep the method and what it carries: they come from proxies, which have obeyed nothing yet."""
        session = self._open_session()
        try:
            return await session.request(
                request.method,
                url,
                headers=request.headers,
                json=request.content.json,
                data=request.content.form,
                timeout=limits,
                allow_redirects=False,
            )
        except _FOREIGN as error:
            failure = self.translate(error)
        raise failure

    def _redirected(self, url: URL, location: str) -> URL:
        """Where a redirect leads: the same host, for the query holds our login, and the same port, for behind others
        are programs that trust this machine; or from http to https, which none of those answers."""
        target, host = _joined(url, location)
        if target is None:
            raise ServerMisbehaved(self._misfit, f"{self.name} redirects to an unreadable address")
        same = (target.scheme, target.port) == (url.scheme, url.port)
        safer = (url.scheme, target.scheme) == ("http", "https")
        if host != url.host or not (same or safer) or not location:
            place = f"{target.scheme}://{host}" + ("" if target.is_default_port() else f":{target.port}")
            raise ServerRefused("refused", f"{self.name} redirects to {place}; give that address instead")
        return target if target.query_string else target.with_query(url.query)

    def _usable(self, response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
        """Raise on 429 and 5xx; other statuses mean something to the caller."""
        status = response.status
        if status != HTTPStatus.TOO_MANY_REQUESTS and (status < 500 or status == HTTPStatus.NOT_IMPLEMENTED):
            return response
        response.close()
        wait = retry_after(response.headers.get("Retry-After"))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimited(f"{self.name} asks for fewer requests (HTTP 429)", retry_after_s=wait)
        raise ServerUnavailable(f"{self.name} answered HTTP {status}{phrase(status)}", retry_after_s=wait)

    def translate(self, error: Exception) -> StarlingError:
        """What a foreign exception means, in words without a URL."""
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ForbiddenAddress):
            return ServerRefused(
                "bad_address", f"{self.name} has {error.os_error.strerror}; give the server's own address"
            )
        if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, _SPOKEN_FOR):
            return ServerUnavailable(f"{self.name} cannot be reached ({error.os_error.strerror or 'no connection'})")
        for kinds, words in _MEANINGS:
            if isinstance(error, kinds):
                return ServerUnavailable(f"{self.name} {words}")
        return ServerMisbehaved(self._misfit, f"{self.name} does not speak HTTP ({type(error).__name__})")


class Body:
    """The chunks of an answer. A body that is cut off, or shorter than announced, ends in ``ServerUnavailable``.

    No generator, since the connection must be given back even if nobody begins to read.
    """

    def __init__(self, server: HttpServer, response: aiohttp.ClientResponse, announced: int | None) -> None:
        self._server = server
        self._response = response
        self._announced = announced
        self._received = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._next()
        if chunk:
            self._received += len(chunk)
            return chunk
        await self.aclose()
        if self._announced is not None and self._received < self._announced:
            part = f"{self._received} of {self._announced} bytes"
            raise ServerUnavailable(f"{self._server.name} sent {part} and broke off")
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Give the connection back; may be called twice, and before the end."""
        self._response.close()

    async def _next(self) -> bytes:
        try:
            return await self._response.content.read(CHUNK)
        except _FOREIGN as error:
            failure = self._server.translate(error)
        await self.aclose()
        raise failure


def _joined(url: URL, location: str) -> tuple[URL | None, str | None]:
    """Where ``location`` leads, and the host of that; (None, None) if it cannot be read."""
    try:
        target = url.join(URL(location))
        host = target.host
    except ValueError:
        return None, None
    return target, host


def phrase(status: int) -> str:
    """The status in words, e.g. " Bad Gateway"; empty for a number that means nothing."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def retry_after(header: str | None) -> float | None:
    """Seconds to wait as a Retry-After header says (a number or a date), 0 to 600; None without a usable one."""
    if not header:
        return None
    try:
        wait = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        wait = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return None if math.isnan(wait) else min(max(wait, 0.0), MAX_RETRY_AFTER_S)
