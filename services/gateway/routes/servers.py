"""Libraries: connect, test, list, disconnect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.intake import address_key
from services.gateway.models.common import Accepted, Query
from services.gateway.models.problems import FieldProblem
from services.gateway.models.servers import (
    AddedServer,
    NewFolder,
    NewServer,
    NewSubsonic,
    Server,
    ServerList,
    ServerTestResult,
)
from services.gateway.problems import ProblemError
from services.gateway.queries import runs, servers
from services.gateway.state import Gateway
from shared import positions, secrets
from shared.errors import Conflict, NotFound
from shared.events import ServerAdded
from shared.mediaservers import connect
from shared.mediaservers.base import ServerConfig, ServerTest
from shared.messages import Envelope, uuid7, wrap

if TYPE_CHECKING:
    from shared.streams import Appended

New = NewFolder | NewSubsonic


async def list_servers(call: Call[Query, None]) -> ServerList:
    """All libraries, oldest first."""
    async with call.gateway.reading() as connection:
        return ServerList(items=await servers.listed(connection), next_cursor=None)


async def get_server(call: Call[Query, None]) -> Server:
    """One library."""
    return await _known(call.gateway, call.id("server_id"))


async def test_server(call: Call[None, NewServer]) -> ServerTestResult:
    """Look whether a library can be used, without adding it. A library that cannot is a result too."""
    found = await _test(call.body.root)
    return ServerTestResult(
        ok=found.ok, message=found.message, tracks_seen=found.tracks_seen, server_version=found.server_version
    )


async def add_server(call: Call[None, NewServer]) -> Reply:
    """Connect a library. It is tested first, unless `test` is false."""
    new, gateway = call.body.root, call.gateway
    earlier = await _free_address(gateway, new)
    if new.test:
        _refuse_unusable(new, await _test(new))
    event = wrap(await _described(gateway, new))
    appended = await _append(gateway, new, event, earlier)
    added = event.message
    server = AddedServer(
        id=added.server_id,
        type=added.server_type,
        name=added.name,
        path=added.path,
        url=added.url,
        username=added.username,
        added_at=event.occurred_at,
        track_count=0,
        analysed_count=0,
        last_scan_at=None,
        last_scan_problem=None,
        position=positions.text(appended.position),
    )
    return Reply(server, 201, {"Location": f"/api/v1/servers/{server.id}"})


async def remove_server(call: Call[None, None]) -> Accepted:
    """Disconnect a library: its tracks leave every view. Nothing is changed in the library itself."""
    gateway = call.gateway
    server = await _known(gateway, call.id("server_id"))
    async with gateway.reading() as connection:
        address = await servers.address(connection, server.id)
        alone = [row["run_id"] for row in await runs.active(connection, [server.id]) if len(row["server_ids"]) == 1]
    appended = await gateway.intake.remove_server(server.id, alone)
    await gateway.adapters.drop(server.id)
    if address is not None and address["secret_id"] is not None:
        await secrets.delete(gateway.pool, address["secret_id"])
    return Accepted(position=positions.text(appended.position))


async def _known(gateway: Gateway, server_id: UUID) -> Server:
    async with gateway.reading() as connection:
        found = await servers.one(connection, server_id)
    if found is None:
        raise NotFound(f"there is no library {server_id}")
    return found


async def _free_address(gateway: Gateway, new: New) -> int:
    """How many libraries have had this address before. Raises ``ProblemError`` when one has it now."""
    key = address_key(new.type, *_address(new))
    async with gateway.reading() as connection:
        rows = await servers.addresses(connection)
    same = [row for row in rows if address_key(row["server_type"], row["path"], row["url"], row["username"]) == key]
    for row in same:
        if not row["removed"]:
            raise _taken({"server_id": row["server_id"]})
    return len(same)


def _taken(extra: dict[str, Any]) -> ProblemError:
    return ProblemError(409, "This library is connected already.", reason="server_exists", extra=extra)


def _address(new: New) -> tuple[str | None, str | None, str | None]:
    return (new.path, None, None) if isinstance(new, NewFolder) else (None, new.url, new.username)


async def _test(new: New) -> ServerTest:
    path, url, username = _address(new)
    password = new.password.get_secret_value() if isinstance(new, NewSubsonic) else None
    adapter = connect(ServerConfig(uuid7(), new.type, new.name, path, url, username, password))
    try:
        return await adapter.test()
    finally:
        await adapter.close()


def _refuse_unusable(new: New, found: ServerTest) -> None:
    if not found.ok:
        name = "path" if isinstance(new, NewFolder) else "url"
        raise ProblemError(
            422, found.message, reason="server_unusable", errors=[FieldProblem(field=name, detail=found.message)]
        )


async def _described(gateway: Gateway, new: New) -> ServerAdded:
    """The event; the password goes to the secrets first, and only its id into the event."""
    path, url, username = _address(new)
    secret_id = None
    if isinstance(new, NewSubsonic):
        secret_id = await secrets.store(gateway.pool, gateway.settings, new.password.get_secret_value())
    return ServerAdded(
        server_id=uuid7(),
        server_type=new.type,
        name=new.name,
        path=path,
        url=url,
        username=username,
        secret_id=secret_id,
    )


async def _append(gateway: Gateway, new: New, event: Envelope[ServerAdded], earlier: int) -> Appended:
    """Raises ``ProblemError`` when somebody else connected the same library in this moment."""
    try:
        return await gateway.intake.add_server(event, earlier)
    except Conflict:
        if event.message.secret_id is not None:
            await secrets.delete(gateway.pool, event.message.secret_id)
        await gateway.intake.catch_up()
        await _free_address(gateway, new)
        raise


ENDPOINTS = (
    Endpoint("GET", "/api/v1/servers", list_servers, "Libraries", "List the libraries", ServerList, query=Query),
    Endpoint(
        "POST",
        "/api/v1/servers",
        add_server,
        "Libraries",
        "Connect a library",
        AddedServer,
        201,
        body=NewServer,
        problems=(409,),
        headers={"Location": "The new library."},
    ),
    Endpoint(
        "POST", "/api/v1/servers/test", test_server, "Libraries", "Test a library", ServerTestResult, body=NewServer
    ),
    Endpoint("GET", "/api/v1/servers/{server_id}", get_server, "Libraries", "Show a library", Server, query=Query),
    Endpoint(
        "DELETE", "/api/v1/servers/{server_id}", remove_server, "Libraries", "Disconnect a library", Accepted, 202
    ),
)
