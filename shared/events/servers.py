"""Events about connected libraries."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import ServerEvent, ServerType

Login = Literal["password", "token"]
"""What the secret is: the password of ``username``, or an API key."""


class ServerAdded(ServerEvent):
    """A library was connected. ``secret_id`` refers to the encrypted credentials, which are never in an event."""

    wire_type: ClassVar[str] = "server.added"
    server_type: ServerType
    name: str
    path: str | None = None
    url: str | None = None
    username: str | None = None
    secret_id: UUID | None = None
    login: Login = "password"
    libraries: tuple[str, ...] | None = None
    """The server's own ids of the libraries to use; None is all of them."""


class ServerChanged(ServerEvent):
    """Name, address or login of a server was replaced; the fields hold the new whole."""

    wire_type: ClassVar[str] = "server.changed"
    name: str
    path: str | None = None
    url: str | None = None
    username: str | None = None
    secret_id: UUID | None = None
    login: Login = "password"
    libraries: tuple[str, ...] | None = None


class ServerRemoved(ServerEvent):
    """A library was disconnected: its tracks leave every view."""

    wire_type: ClassVar[str] = "server.removed"
