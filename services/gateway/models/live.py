"""The data of server-sent events."""

from __future__ import annotations

from uuid import UUID

from services.gateway.models.common import Answer, Position, Time
from services.gateway.models.servers import Server
from services.gateway.models.tracks import Track


class Hello(Answer):
    """The first event: what the stream begins with."""

    position: Position
    version: str


class LiveTracks(Answer):
    """``count`` tracks were analysed; the newest of them."""

    analysed: list[Track]
    count: int
    position: Position


class LivePlaylist(Answer):
    """A playlist changed, or what is known of it on a server did."""

    id: UUID
    version: int
    changed: Time
    deleted: bool


class LiveServers(Answer):
    """All libraries, after one was connected or disconnected, or its counts changed."""

    items: list[Server]
