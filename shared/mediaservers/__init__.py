"""The media servers Starling can talk to; ``ADAPTERS`` is the list."""

from __future__ import annotations

from collections.abc import Callable

from shared.errors import ConfigurationError
from shared.mediaservers.base import MediaServer, ServerConfig
from shared.mediaservers.folder import FolderServer
from shared.mediaservers.subsonic import SubsonicServer

ADAPTERS: dict[str, Callable[[ServerConfig], MediaServer]] = {
    "folder": FolderServer,
    "subsonic": SubsonicServer,
}


def connect(config: ServerConfig) -> MediaServer:
    """The adapter for ``config``. Raises ``ConfigurationError`` for a server type this version does not know."""
    try:
        return ADAPTERS[config.server_type](config)
    except KeyError as error:
        raise ConfigurationError(f"server type {config.server_type!r} is not known to this version") from error
