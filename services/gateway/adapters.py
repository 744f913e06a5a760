"""Connections to the libraries that tracks are played from."""

from __future__ import annotations

from uuid import UUID

from shared.errors import LibraryUnusable, NotFound
from shared.mediaservers.base import PlaylistServer
from shared.mediaservers.connections import Connections


class Adapters(Connections):
    """For HTTP: a library that is gone is a thing that is not found."""

    async def of(self, server_id: UUID) -> PlaylistServer:
        """The adapter of a library. Raises ``NotFound`` when it was removed."""
        try:
            return await super().of(server_id)
        except LibraryUnusable as error:
            if error.reason == "server_removed":
                raise NotFound("the library of this track was removed") from None
            raise
