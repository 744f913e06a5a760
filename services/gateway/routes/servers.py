"""Libraries: connect, test, list, disconnect."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from services.gateway.addresses import Claim, claimed, free_address
from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.intake import address_key
from services.gateway.models.common import Accepted, Query
from services.gateway.models.problems import FieldProblem
from services.gateway.models.servers import (
    AddedServer,
    KnownServerTest,
    New,
    NewFolder,
    NewServer,
    RemoteLibrary,
    Server,
    ServerChange,
    ServerList,
    ServerTestResult,
    ServerToTest,
)
from services.gateway.problems import ProblemError
from services.gateway.queries import runs, servers
from services.gateway.state import Gateway
from shared import positions, secrets
from shared.accounts import Right
from shared.errors import Conflict, InvalidInput, NotFound
from shared.events import ServerAdded, ServerChanged
from shared.mediaservers import connect
from shared.mediaservers.base import ServerConfig, ServerTest
from shared.messages import uuid7, wrap
from shared.streams import Appended


async def list_servers(call: Call[Query, None]) -> ServerList:
    """All libraries, oldest first."""
    async with call.gateway.reading() as connection:
        return ServerList(items=await servers.listed(connection), next_cursor=None)


async def get_server(call: Call[Query, None]) -> Server:
    """One library."""
    return await _known(call.gateway, call.id("server_id"))


async def test_server(call: Call[None, ServerToTest]) -> ServerTestResult:
    """Look whether a library can be used, without adding or changing it. A library that cannot is a result too."""
    match call.body.root:
        case KnownServerTest() as known:
            config = await _changed_config(call.gateway, await _address(call.gateway, known.server_id), known)
        case new:
            config = _config(new.root)
    found = await _test(config)
    return ServerTestResult(
        ok=found.ok,
        message=found.message,
        tracks_seen=found.tracks_seen,
        server_version=found.server_version,
        libraries=[RemoteLibrary(id=item.library_id, name=item.name) for item in found.libraries],
    )


async def add_server(call: Call[None, NewServer]) -> Reply:
    """Connect a library. It is tested first, unless `test` is false."""
    new, gateway = call.body.root, call.gateway
    config = _config(new)
    await free_address(gateway, _where(config))
    if new.test:
        _refuse_unusable(config, await _test(config))
    event = wrap(
        ServerAdded(
            server_id=config.server_id,
            server_type=new.type,
            secret_id=await _stored(gateway, config.password),
            **_described(config),
        )
    )
    appended = await _append(gateway, config, event.message.secret_id, partial(gateway.intake.add_server, event))
    server = AddedServer(
        id=config.server_id,
        type=new.type,
        **_shown(config),
        added_at=event.occurred_at,
        track_count=0,
        analysed_count=0,
        last_scan_at=None,
        last_scan_problem=None,
        position=positions.text(appended.position),
    )
    return Reply(server, 201, {"Location": f"/api/v1/servers/{server.id}"})


async def change_server(call: Call[None, ServerChange]) -> AddedServer:
    """Change name, address, login or libraries. It is tested first, unless `test` is false or only the name changes.
    Its tracks and what is known of them stay."""
    gateway, wish = call.gateway, call.body
    row = await _address(gateway, call.id("server_id"))
    config = await _changed_config(gateway, row, wish)
    if wish.test and wish.model_fields_set - {"name", "test"}:
        _refuse_unusable(config, await _test(config))
    replaced = wish.password is not None or wish.token is not None
    secret_id = await _stored(gateway, config.password) if replaced else row["secret_id"]
    event = ServerChanged(server_id=config.server_id, secret_id=secret_id, **_described(config))
    appended = await _append(
        gateway,
        config,
        secret_id if replaced else None,
        lambda claim: gateway.intake.change_server(event, row["version"], claim),
        moves=address_key(*_where(config)) != address_key(row["server_type"], row["path"], row["url"], row["username"]),
    )
    await gateway.intake.arrived(appended.position)
    if replaced and row["secret_id"] is not None:
        await secrets.delete(gateway.pool, row["secret_id"])
    server = await _known(gateway, config.server_id)
    return AddedServer(**dict(server), position=positions.text(appended.position))


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


async def _address(gateway: Gateway, server_id: UUID) -> Any:
    """The row of a library. Raises ``NotFound``."""
    async with gateway.reading() as connection:
        row = await servers.address(connection, server_id)
    if row is None:
        raise NotFound(f"there is no library {server_id}")
    return row


def _config(new: New) -> ServerConfig:
    """How a new library is reached."""
    if isinstance(new, NewFolder):
        return ServerConfig(uuid7(), new.type, new.name, path=new.path)
    fields = new.model_dump()
    secret = fields.get("password") or fields.get("token")
    return ServerConfig(
        uuid7(),
        new.type,
        new.name,
        url=new.url,
        username=fields.get("username"),
        password=secret.get_secret_value() if secret else None,
        login="token" if fields.get("token") else "password",
        libraries=tuple(new.libraries) if new.libraries else None,
    )


async def _changed_config(gateway: Gateway, row: Any, wish: ServerChange) -> ServerConfig:
    """How a library is reached after a change. Raises ``InvalidInput`` for what its kind does not have."""
    given = wish.model_fields_set - {"name", "test", "server_id"}
    if row["server_type"] == "folder" and given:
        raise InvalidInput(min(given), "a folder has only a name to change; connect another folder as a new library")
    if row["server_type"] == "plex" and wish.password is not None:
        raise InvalidInput("password", "Plex takes a token; give its X-Plex-Token as token")
    if row["server_type"] in ("subsonic", "lyrion") and wish.token is not None:
        raise InvalidInput("token", "this server takes a user name and a password; give those")
    libraries = json.loads(row["libraries"]) if row["libraries"] else None
    if "libraries" in wish.model_fields_set:
        libraries = wish.libraries
    return ServerConfig(
        row["server_id"],
        row["server_type"],
        wish.name or row["name"],
        path=row["path"],
        url=wish.url or row["url"],
        username=wish.username or row["username"],
        password=await _secret(gateway, row, wish),
        login="token" if wish.token else "password" if wish.password else row["login"],
        libraries=tuple(libraries) if libraries else None,
    )


async def _secret(gateway: Gateway, row: Any, wish: ServerChange) -> str | None:
    new = wish.token or wish.password
    if new is not None:
        return new.get_secret_value()
    if row["secret_id"] is None:
        return None
    return await secrets.load(gateway.pool, gateway.settings, row["secret_id"])


async def _stored(gateway: Gateway, secret: str | None) -> UUID | None:
    """The secret goes to its table first, and only its id into the event."""
    return None if secret is None else await secrets.store(gateway.pool, gateway.settings, secret)


def _where(config: ServerConfig) -> tuple[str, str | None, str | None, str | None]:
    return config.server_type, config.path, config.url, config.username


def _described(config: ServerConfig) -> dict[str, Any]:
    """What an event says of how a library is reached."""
    names = ("name", "path", "url", "username", "login", "libraries")
    return {name: getattr(config, name) for name in names}


def _shown(config: ServerConfig) -> dict[str, Any]:
    """The same for an answer."""
    return {**_described(config), "libraries": list(config.libraries) if config.libraries else None}


async def _test(config: ServerConfig) -> ServerTest:
    adapter = connect(config)
    try:
        return await adapter.test()
    finally:
        await adapter.close()


def _refuse_unusable(config: ServerConfig, found: ServerTest) -> None:
    if not found.ok:
        name = "path" if config.server_type == "folder" else "url"
        raise ProblemError(
            422, found.message, reason="server_unusable", errors=[FieldProblem(field=name, detail=found.message)]
        )


async def _append(
    gateway: Gateway,
    config: ServerConfig,
    secret_id: UUID | None,
    append: Callable[[Claim], Awaitable[Appended]],
    *,
    moves: bool = True,
) -> Appended:
    """Raises ``ProblemError`` when another library has this address; then the new secret is forgotten."""
    try:
        if not moves:
            return await append({})
        return await claimed(gateway, _where(config), append, but=config.server_id)
    except (Conflict, ProblemError):
        if secret_id is not None:
            await secrets.delete(gateway.pool, secret_id)
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
        right=Right.ADMIN,
    ),
    Endpoint(
        "POST",
        "/api/v1/servers/test",
        test_server,
        "Libraries",
        "Test a library",
        ServerTestResult,
        body=ServerToTest,
        problems=(404,),
        right=Right.ADMIN,
    ),
    Endpoint(
        "PATCH",
        "/api/v1/servers/{server_id}",
        change_server,
        "Libraries",
        "Change a library",
        AddedServer,
        body=ServerChange,
        problems=(409,),
        right=Right.ADMIN,
    ),
    Endpoint("GET", "/api/v1/servers/{server_id}", get_server, "Libraries", "Show a library", Server, query=Query),
    Endpoint(
        "DELETE",
        "/api/v1/servers/{server_id}",
        remove_server,
        "Libraries",
        "Disconnect a library",
        Accepted,
        202,
        right=Right.ADMIN,
    ),
)
