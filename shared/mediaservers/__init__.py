"""The media servers Starling can talk to; ``ADAPTERS`` is the list.

Each kind of server has files that begin with its name: ``plex`` is the adapter, ``plex_answers`` the pure functions
that read what the server says, ``plex_playlists`` its playlists, and so on; ``mediabrowser`` is what Jellyfin and Emby
share. For all kinds there are ``base`` (what an adapter must do), ``tasting`` (trying a library), ``descriptions``
(values that can be stored), ``edits`` (from one list to another) and ``audio`` (original bytes, ranges of them); for
servers on a network ``remote_server`` (what their adapters do alike), ``http``, ``json_answers`` and ``offset_walk``
(lists in pages); for files ``paths``, ``tags`` and ``m3u``.
"""

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
