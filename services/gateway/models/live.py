"""The data of server-sent events."""

from __future__ import annotations

from services.gateway.models.common import Answer, Position
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


class LiveServers(Answer):
    """All libraries, after one was connected or disconnected, or its counts changed."""

    items: list[Server]
