"""Jellyfin 10.10 and later.

Facts this rests on: a track is in a playlist once at most, and the id of an entry is the id of its item, so an item
that is still there cannot be appended. An API key belongs to nobody: before 10.11 it may not remove entries, and it may
not use the call that renames a playlist, while it may write the playlist's item.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from shared.errors import ServerRefused
from shared.mediaservers.base import ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.json_answers import Json
from shared.mediaservers.mediabrowser import MediaBrowserServer
from shared.mediaservers.mediabrowser_answers import Entries, parse_lyrics
from shared.mediaservers.mediabrowser_api import listed, one_item, rename_item
from shared.mediaservers.mediabrowser_client import Dialect, MediaBrowserClient

_UUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE)
_DIALECT = Dialect("a Jellyfin server", "", "Authorization", "MediaBrowser", None, "Users", _UUID)
_DESCRIBED = {
    "fields": "Path,Genres,DateCreated,MediaSources",
    "enableImages": "false",
    "enableUserData": "false",
}
_LISTENED = {"enableUserData": "true", "enableImages": "false"}
_NO_ENTRY = "0" * 32


class JellyfinServer(MediaBrowserServer):
    """A Jellyfin server; see ``MediaBrowserServer``."""

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        super().__init__(config, JellyfinApi(MediaBrowserClient(config, _DIALECT, patience)))


class JellyfinApi:
    """See ``MediaBrowserApi``. Ids of a user are in the query, for an API key has no user of its own."""

    kind = "Jellyfin"
    repeats = False

    def __init__(self, client: MediaBrowserClient) -> None:
        self.client = client
        self.described: Mapping[str, str] = _DESCRIBED
        self.listened: Mapping[str, str] = _LISTENED

    async def items(self, what: str, start: int, limit: int, **query: str) -> Entries:
        common: dict[str, str | int] = {"userId": await self.client.user_id(), "recursive": "true"}
        common |= {"sortBy": "DateCreated,SortName", "startIndex": start, "limit": limit}
        return await listed(self.client, what, "Items", **common, **query)

    async def item(self, item_id: str) -> Json:
        return await one_item(self.client, f"Items/{item_id}", userId=await self.client.user_id())

    async def views(self) -> Entries:
        return await listed(self.client, "libraries", "UserViews", userId=await self.client.user_id())

    async def entries(self, playlist_id: str, start: int, limit: int) -> Entries:
        path, user = f"Playlists/{playlist_id}/Items", await self.client.user_id()
        return await listed(self.client, "entries", path, userId=user, startIndex=start, limit=limit)

    async def create(self, name: str, item_ids: Sequence[str]) -> object:
        body = {"Name": name, "Ids": list(item_ids), "UserId": await self.client.user_id()}
        return await self.client.call("POST", "Playlists", {}, json={**body, "MediaType": "Audio", "IsPublic": False})

    async def add(self, playlist_id: str, item_ids: Sequence[str]) -> None:
        query = {"ids": ",".join(item_ids), "userId": await self.client.user_id()}
        await self.client.call("POST", f"Playlists/{playlist_id}/Items", query)

    async def may_remove(self, playlist_id: str) -> None:
        """With an API key, try to remove an entry that does not exist: that is refused where all removals are."""
        if not self.client.by_token:
            return
        try:
            await self.remove(playlist_id, [_NO_ENTRY])
        except ServerRefused as error:
            if error.reason not in {"refused", "forbidden"}:
                raise
            why = "this version of Jellyfin does not let an API key remove tracks from a playlist"
            raise ServerRefused(error.reason, f"{why}; enter a user name and password for this server") from None

    async def remove(self, playlist_id: str, entry_ids: Sequence[str]) -> None:
        await self.client.call("DELETE", f"Playlists/{playlist_id}/Items", {"entryIds": ",".join(entry_ids)})

    async def rename(self, playlist_id: str, name: str) -> None:
        if self.client.by_token:
            return await rename_item(self.client, await self.item(playlist_id), name)
        await self.client.call("POST", f"Playlists/{playlist_id}", {}, json={"Name": name})

    async def delete(self, item_id: str) -> None:
        await self.client.call("DELETE", f"Items/{item_id}", {})

    async def lyrics(self, item_id: str) -> str | None:
        return parse_lyrics(await self.client.get(f"Audio/{item_id}/Lyrics"))
