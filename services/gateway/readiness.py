"""What has to be there before a gateway can answer."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.queries import positions as places
from services.gateway.state import Gateway
from shared.health import Check


def readiness(gateway: Gateway) -> Mapping[str, Check]:
    """Each a question; for /readyz on both ports."""

    async def postgres_answers() -> bool:
        async with gateway.reading() as connection:
            return bool(await connection.fetchval("SELECT true"))

    async def projector_works() -> bool:
        last = await gateway.streams.log.last()
        async with gateway.reading() as connection:
            return await places.projector_works(connection, gateway.settings.tenant, last)

    async def redis_keeps() -> bool:
        return gateway.intake.trusted and await gateway.streams.ping()

    async def index_is_loaded() -> bool:
        return gateway.neighbours.ready

    return {
        "redis": redis_keeps,
        "postgres": postgres_answers,
        "projector": projector_works,
        "index": index_is_loaded,
    }
