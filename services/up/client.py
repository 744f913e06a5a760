"""What ``starling up`` asks of its own gateway: whether it is ready, and to analyse a folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from shared.errors import StarlingError

_QUICK = aiohttp.ClientTimeout(total=5)
_LONG = aiohttp.ClientTimeout(total=60)


class GatewayClient:
    """``url`` without a slash at its end; ``token`` is sent when there is one."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def wait_until_ready(self) -> None:
        """Return once /readyz answers 200."""
        async with aiohttp.ClientSession(timeout=_QUICK) as session:
            while True:
                if await self._is_ready(session):
                    return
                await asyncio.sleep(0.1)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self._url}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def analyse_folder(self, folder: Path) -> str:
        """Add ``folder`` as a library unless it is one, and start an analysis run. Returns the run's address.

        Raises ``StarlingError`` with the gateway's own words if it refuses.
        """
        async with aiohttp.ClientSession(timeout=_LONG, headers=self._headers) as session:
            server_id = await self._known(session, folder) or await self._add(session, folder)
            run = await self._call(session, "POST", "/api/v1/analysis", {"server_id": server_id})
        return f"{self._url}/api/v1/runs/{run['run_id']}"

    async def _known(self, session: aiohttp.ClientSession, folder: Path) -> str | None:
        listed = await self._call(session, "GET", "/api/v1/servers")
        for server in listed["items"]:
            if server["type"] == "folder" and server.get("path") == str(folder):
                return str(server["id"])
        return None

    async def _add(self, session: aiohttp.ClientSession, folder: Path) -> str:
        body = {"type": "folder", "name": folder.name or str(folder), "path": str(folder)}
        return str((await self._call(session, "POST", "/api/v1/servers", body))["id"])

    async def _call(
        self, session: aiohttp.ClientSession, method: str, path: str, body: dict[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            async with session.request(method, self._url + path, json=body) as answer:
                content = await answer.json(content_type=None)
                if answer.status >= 400:
                    said = content.get("detail") or content.get("title") or answer.reason
                    raise StarlingError(f"{method} {path} answered {answer.status}: {said}")
                return dict(content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise StarlingError(f"{method} {path} failed: {error or type(error).__name__}") from error
