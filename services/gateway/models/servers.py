"""Libraries: what a client sends, and what it gets."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    SecretStr,
    Tag,
    field_validator,
    model_validator,
)

from services.gateway.models.common import Answer, Body, Position, Time
from shared.events import Login, ServerType
from shared.mediaservers.addresses import is_forbidden


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


def _usable(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("give the server's address, e.g. http://192.168.1.20:4533")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave user name and password out of the address; they have fields of their own")
    if is_forbidden(parts.hostname or ""):
        raise ValueError("no media server can have this address; give the server's own")
    if parts.query or parts.fragment:
        raise ValueError("give the address without ? and #")
    return url.rstrip("/")


Url = Annotated[
    str,
    Field(min_length=1, max_length=2000, examples=["http://nas:4533"]),
    AfterValidator(_plain),
    AfterValidator(_usable),
]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000)]
Libraries = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)]],
    Field(max_length=200, description="The server's ids of the libraries to use (see the test); none is all."),
]


def _example(fields: dict[str, str]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [{"name": "Nas", **fields}]})


class NewRemote(Body):
    """What every media server takes."""

    name: Name
    url: Url
    libraries: Libraries | None = None
    test: bool = Field(True, description="false skips the test, e.g. for a server that is off just now.")


class NewSubsonic(NewRemote):
    """A server that speaks the Subsonic API: Navidrome, Gonic, Airsonic and others."""

    model_config = _example(
        {"type": "subsonic", "url": "http://nas:4533", "username": "ann", "password": "her password"}
    )

    type: Literal["subsonic"]
    username: Name
    password: Secret


class _UserOrKey(NewRemote):
    username: Name | None = Field(None, description="Whose playlists are written; needed with a password.")
    password: Secret | None = None
    token: Secret | None = Field(None, description="An API key, instead of a password.")

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if (self.password is None) == (self.token is None):
            raise ValueError("give username and password, or token")
        if self.password is not None and self.username is None:
            raise ValueError("give the username that the password belongs to")
        return self


class NewJellyfin(_UserOrKey):
    """A Jellyfin server, by password or API key."""

    model_config = _example(
        {"type": "jellyfin", "url": "http://nas:8096", "username": "ann", "password": "her password"}
    )

    type: Literal["jellyfin"]


class NewEmby(_UserOrKey):
    """An Emby server, by password or API key."""

    model_config = _example({"type": "emby", "url": "http://nas:8096", "username": "ann", "token": "an API key"})

    type: Literal["emby"]


class NewLyrion(NewRemote):
    """Lyrion Music Server (Logitech Media Server); a login only where it asks for one."""

    model_config = _example({"type": "lyrion", "url": "http://nas:9000"})

    type: Literal["lyrion"]
    username: Name | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("give the username that the password belongs to")
        return self


class NewPlex(NewRemote):
    """A Plex server."""

    model_config = _example({"type": "plex", "url": "http://nas:32400", "token": "an X-Plex-Token"})

    type: Literal["plex"]
    token: Secret


Remote = NewSubsonic | NewJellyfin | NewEmby | NewLyrion | NewPlex
New = NewFolder | Remote


class NewServer(RootModel[Annotated[New, Field(discriminator="type")]]):
    """A library to be connected."""


class ServerChange(Body):
    """What to change; what is left out stays."""

    name: Name | None = None
    url: Url | None = None
    username: Name | None = None
    password: Secret | None = None
    token: Secret | None = Field(None, description="An API key, instead of a password.")
    libraries: Libraries | None = None
    test: bool = True

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.password is not None and self.token is not None:
            raise ValueError("give password or token, not both")
        return self


class KnownServerTest(ServerChange):
    """A library that is connected, tested as it would be after a change."""

    server_id: UUID


class ServerToTest(
    RootModel[
        Annotated[
            Annotated[KnownServerTest, Tag("known")] | Annotated[NewServer, Tag("new")],
            Discriminator(lambda value: "known" if isinstance(value, dict) and "server_id" in value else "new"),
        ]
    ]
):
    """A library to be connected, or one that is, by its id and what would change."""


class Server(Answer):
    """A library and what is known of it."""

    id: UUID
    type: ServerType
    name: str
    path: str | None
    url: str | None
    username: str | None
    login: Login = Field(description="What the secret is: a password, or an API key.")
    libraries: list[str] | None = Field(description="Ids of the libraries that are used; null is all.")
    added_at: Time
    track_count: int
    analysed_count: int
    last_scan_at: Time | None
    last_scan_problem: str | None


class AddedServer(Server):
    """The library; ``position`` makes the next GET see it."""

    position: Position


class ServerList(Answer):
    """All libraries, oldest first."""

    items: list[Server]
    next_cursor: str | None


class RemoteLibrary(Answer):
    id: str
    name: str


class ServerTestResult(Answer):
    """Whether the library can be used; ``message`` is in the server's own words where it said something."""

    ok: bool
    message: str
    tracks_seen: int
    server_version: str | None
    libraries: list[RemoteLibrary] = Field(description="What can be chosen from, where the server has such a thing.")
