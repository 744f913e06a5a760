"""The media servers Starling can talk to; ``ADAPTERS`` is the list."""

from __future__ import annotations

from collections.abc import Callable

from shared.errors import ConfigurationError
from shared.mediaservers.base import PlaylistServer, ServerConfig
from shared.mediaservers.emby import EmbyServer
from shared.mediaservers.folder import FolderServer
from shared.mediaservers.jellyfin import JellyfinServer
from shared.mediaservers.lyrion import LyrionServer
from shared.mediaservers.plex import PlexServer
from shared.mediaservers.subsonic import SubsonicServer

ADAPTERS: dict[str, Callable[[ServerConfig], PlaylistServer]] = {
    "emby": EmbyServer,
    "folder": FolderServer,
    "jellyfin": JellyfinServer,
    "lyrion": LyrionServer,
    "plex": PlexServer,
    "subsonic": SubsonicServer,
}


def connect(config: ServerConfig) -> PlaylistServer:
    """The adapter for ``config``. Raises ``ConfigurationError`` for a server type this version does not know."""
    try:
        adapter = ADAPTERS[config.server_type]
    except KeyError as error:
        raise ConfigurationError(f"server type {config.server_type!r} is not known to this version") from error
    return adapter(config)
