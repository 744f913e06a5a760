"""An OpenID provider that others have written (oidc-provider-mock), in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientSession

from services.up.ports import choose
from tests.environment import clean_environment
from tests.waiting import until


@asynccontextmanager
async def openid_provider() -> AsyncIterator[str]:
    """``async with openid_provider() as issuer``: its address. It is at ``/users/<sub>`` that people are added."""
    issuer = f"http://127.0.0.1:{(port := choose())}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true",
        env=clean_environment({"AUTHLIB_INSECURE_TRANSPORT": "1"}),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def answers() -> bool:
        try:
            async with ClientSession() as session, session.get(f"{issuer}/.well-known/openid-configuration") as answer:
                return answer.status == 200
        except ClientError:
            return False

    try:
        await until(answers, "the provider answers")
        yield issuer
    finally:
        process.kill()
        await process.wait()
