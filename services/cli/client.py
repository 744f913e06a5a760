"""The HTTP client of the command line: one method per endpoint it uses; every refusal is one exception."""

from __future__ import annotations

import io
import json
import os
from types import TracebackType
from typing import Any, Self, cast
from uuid import uuid4

import aiohttp
from yarl import URL

from services.cli import answers
from shared.errors import ConfigurationError, StarlingError

_TIMEOUT = aiohttp.ClientTimeout(total=90, connect=5)
_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class ApiError(StarlingError):
    """The gateway said no. ``document`` is its Problem Details; ``str()`` is the sentence in it."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(_sentence(status, document))
        self.status = status
        self.document = document

    @property
    def reason(self) -> str | None:
        """The stable code of the problem, where it has one."""
        return self.document.get("reason")


class NotAuthorised(ApiError, ConfigurationError):
    """The gateway wants a token, or another one."""


class Unreachable(StarlingError):
    """Nothing answers, or what answers is not Starling."""


class Api:
    """``async with Api(url, token) as api``. Raises ``ApiError`` and ``Unreachable``."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        try:
            parsed = URL(self.url)
        except ValueError:
            parsed = URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigurationError(f"{url} is not an address; it looks like http://127.0.0.1:8000")
        self.is_local = parsed.host in ("localhost", "::1") or parsed.host.startswith("127.")

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def status(self) -> answers.Status:
        return cast("answers.Status", await self._get("/status"))

    async def workers(self) -> answers.Workers:
        return cast("answers.Workers", await self._get("/workers"))

    async def servers(self) -> list[answers.Server]:
        return cast("list[answers.Server]", (await self._get("/servers"))["items"])

    async def add_folder(self, name: str, path: str) -> answers.AddedServer:
        """Connect a folder, and wait until it can be seen."""
        added = await self._post("/servers", {"type": "folder", "name": name, "path": path})
        await self._get(f"/servers/{added['id']}", after=added["position"])
        return cast("answers.AddedServer", added)

    async def start_analysis(
        self, *, server_id: str | None, profile: str | None, scope: answers.Scope
    ) -> answers.AcceptedRun:
        """Ask for a run. Asking again after a lost connection does not start a second one."""
        body = {"server_id": server_id, "profile": profile, "scope": scope}
        body = {name: value for name, value in body.items() if value is not None}
        headers = {"Idempotency-Key": str(uuid4())}
        return cast("answers.AcceptedRun", await self._call("POST", "/analysis", body=body, headers=headers))

    async def run(self, run_id: str, *, after: str | None = None) -> answers.Run:
        return cast("answers.Run", await self._get(f"/runs/{run_id}", after=after))

    async def runs(self, limit: int, cursor: str | None = None) -> answers.RunPage:
        return cast("answers.RunPage", await self._get("/runs", limit=limit, cursor=cursor))

    async def command_run(self, run_id: str, verb: str) -> answers.Accepted:
        """``verb`` is cancel, pause or resume."""
        return cast("answers.Accepted", await self._post(f"/runs/{run_id}/{verb}"))

    async def tracks(self, query: str, limit: int) -> answers.TrackPage:
        return cast("answers.TrackPage", await self._get("/tracks", query=query, limit=limit))

    async def similar(self, track_id: str, n: int) -> answers.Similar:
        return cast("answers.Similar", await self._get(f"/tracks/{track_id}/similar", n=n))

    async def dead(self, cursor: str | None = None) -> answers.DeadPage:
        return cast("answers.DeadPage", await self._get("/dead", cursor=cursor))

    async def dead_letter(self, letter_id: str) -> answers.DeadLetterDetail:
        return cast("answers.DeadLetterDetail", await self._get(f"/dead/{letter_id}"))

    async def retry(self, letter_id: str) -> answers.Accepted:
        return cast("answers.Accepted", await self._post(f"/dead/{letter_id}/retry"))

    async def ready(self) -> dict[str, bool]:
        """What /readyz says of each part, ready or not."""
        return cast("dict[str, bool]", (await self._call("GET", "/readyz", root="", refusals=False))["checks"])

    async def listed(self, path: str, most: int | None = None, **parameters: str | int | None) -> list[dict[str, Any]]:
        """The items of a list, page by page up to ``most``."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self._get(path, cursor=cursor, limit=min(200, most or 200), **parameters)
            items += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None or (most is not None and len(items) >= most):
                return items[:most]

    async def get(self, path: str, **parameters: str | int | None) -> dict[str, Any]:
        """Any answer of the API, by its path below /api/v1."""
        return await self._get(path, **parameters)

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, **parameters: str | int | None
    ) -> dict[str, Any]:
        """Anything that changes something. Sending again after a lost connection does not do a POST twice."""
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else None
        return await self._call(method, path, parameters=parameters, body=body, headers=headers)

    async def download(self, path: str, **parameters: str) -> bytes:
        """A file."""
        try:
            async with self._session.get(f"{self.url}/api/v1{path}", params=parameters) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(self._advice(error)) from error
        if answer.status >= 400:
            document = json.loads(content) if answer.content_type.endswith("json") else {}
            raise ApiError(answer.status, document)
        return content

    async def upload(self, path: str, content: bytes, **parameters: str | None) -> dict[str, Any]:
        """Send a file."""
        given = {name: value for name, value in parameters.items() if value is not None}
        data = aiohttp.BytesIOPayload(io.BytesIO(content), content_type="application/octet-stream")
        try:
            async with self._session.post(f"{self.url}/api/v1{path}", params=given, data=data) as answer:
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(self._advice(error)) from error
        if answer.status >= 400:
            raise ApiError(answer.status, document)
        return cast("dict[str, Any]", document)

    async def _get(self, path: str, **parameters: str | int | None) -> dict[str, Any]:
        return await self._call("GET", path, parameters=parameters)

    async def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self._call("POST", path, body=body)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        root: str = "/api/v1",
        refusals: bool = True,
    ) -> dict[str, Any]:
        """One request; repeated once when the connection broke and repeating it is safe."""
        address = self.url + root + path
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        may_repeat = method == "GET" or "Idempotency-Key" in (headers or {})
        try:
            try:
                return await self._once(method, address, given, body, headers, refusals)
            except _LOST as error:
                if not may_repeat or isinstance(error, aiohttp.ClientConnectorError):
                    raise
                return await self._once(method, address, given, body, headers, refusals)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(self._advice(error)) from error

    async def _once(
        self,
        method: str,
        address: str,
        parameters: dict[str, Any],
        body: dict[str, Any] | None,
        headers: dict[str, str] | None,
        refusals: bool,
    ) -> dict[str, Any]:
        async with self._session.request(method, address, params=parameters, json=body, headers=headers) as answer:
            try:
                content = await answer.json(content_type=None)
            except ValueError:
                content = None
            if not isinstance(content, dict):
                raise Unreachable(
                    f"{self.url} answers {answer.status} and not as Starling does; name the instance with --url"
                )
            if answer.status == 401:
                raise NotAuthorised(401, {**content, "detail": self._token_advice()})
            if refusals and answer.status >= 400:
                raise ApiError(answer.status, content)
            return content

    def _token_advice(self) -> str:
        wanted = "does not accept this token" if self._token else "wants a token"
        return f"{self.url} {wanted}; set STARLING_TOKEN to the one that Starling was started with"

    def _advice(self, error: Exception) -> str:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        if isinstance(error, aiohttp.ClientConnectorError):
            number = error.os_error.errno
            why = os.strerror(number) if number and number > 0 else str(error.os_error.strerror or error.os_error)
        return (
            f"Starling does not answer at {self.url} ({why}); "
            "start it with 'starling up', or name a running instance with --url"
        )


def _sentence(status: int, document: dict[str, Any]) -> str:
    """What a person reads of a problem."""
    said = document.get("detail") or document.get("title") or f"the gateway answered {status}"
    found = document.get("errors")
    fields = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    more = [f"{entry.get('field')}: {entry.get('detail')}" for entry in fields]
    return "; ".join([str(said), *(line for line in more if line not in str(said))])
