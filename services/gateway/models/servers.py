"""Libraries: what a client sends, and what it gets."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, RootModel, SecretStr, field_validator

from services.gateway.models.common import Answer, Body, Position, Time
from shared.events import ServerType


def _plain(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not contain control characters")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]


class NewFolder(Body):
    """A folder of audio files on this machine."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "folder", "name": "Music", "path": "/music"}]})

    type: Literal["folder"]
    name: Name
    path: Annotated[str, AfterValidator(_plain)] = Field(
        min_length=1, max_length=4096, description="Full path of the folder, as Starling sees it."
    )
    test: bool = Field(True, description="false skips the test, e.g. for a server that is off just now.")

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("give the folder's full path, beginning with /")
        return path.rstrip("/") or "/"


class NewSubsonic(Body):
    """A server that speaks the Subsonic API: Navidrome, Gonic, Airsonic and others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "subsonic",
                    "name": "Nas",
                    "url": "http://nas:4533",
                    "username": "ann",
                    "password": "her password",
                }
            ]
        }
    )

    type: Literal["subsonic"]
    name: Name
    url: Annotated[str, AfterValidator(_plain)] = Field(min_length=1, max_length=2000, examples=["http://nas:4533"])
    username: Name
    password: SecretStr = Field(min_length=1, max_length=1000)
    test: bool = True

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("give the server's address, e.g. http://192.168.1.20:4533")
        if parts.username is not None or parts.password is not None:
            raise ValueError("leave user name and password out of the address; they have fields of their own")
        if parts.query or parts.fragment:
            raise ValueError("give the address without ? and #")
        return url.rstrip("/")


class NewServer(RootModel[Annotated[NewFolder | NewSubsonic, Field(discriminator="type")]]):
    """A library to be connected."""


class Server(Answer):
    """A library and what is known of it."""

    id: UUID
    type: ServerType
    name: str
    path: str | None
    url: str | None
    username: str | None
    added_at: Time
    track_count: int
    analysed_count: int
    last_scan_at: Time | None
    last_scan_problem: str | None


class AddedServer(Server):
    """The new library; ``position`` makes the next GET see it."""

    position: Position


class ServerList(Answer):
    """All libraries, oldest first."""

    items: list[Server]
    next_cursor: str | None


class ServerTestResult(Answer):
    """Whether the library can be used; ``message`` is in the server's own words where it said something."""

    ok: bool
    message: str
    tracks_seen: int
    server_version: str | None
