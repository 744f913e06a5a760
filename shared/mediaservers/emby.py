"""Emby 4.8 and later.

A playlist may hold a track twice, each entry has an id of its own, and playlists are private until they are shared.
The only call that renames a playlist is the one that writes any item. A track's words are a text stream among its
subtitles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from shared.mediaservers.base import ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.json_answers import Json
from shared.mediaservers.mediabrowser import MediaBrowserServer
from shared.mediaservers.mediabrowser_answers import Entries, lyrics_stream, parse_track_events
from shared.mediaservers.mediabrowser_api import listed, one_item, rename_item
from shared.mediaservers.mediabrowser_client import Dialect, MediaBrowserClient

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_DIALECT = Dialect("an Emby server", "emby", "X-Emby-Authorization", "Emby", "X-Emby-Token", "Users/Query", _ID)
_DESCRIBED = {
    "fields": "Path,Genres,DateCreated,MediaSources,ProductionYear",
    "enableImages": "false",
}
_LISTENED = {
    "fields": "UserDataPlayCount,UserDataLastPlayedDate",
    "enableImages": "false",
}


class EmbyServer(MediaBrowserServer):
    """An Emby server; see ``MediaBrowserServer``."""

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        super().__init__(config, EmbyApi(MediaBrowserClient(config, _DIALECT, patience)))


class EmbyApi:
    """See ``MediaBrowserApi``. Emby writes the names of parameters with a capital, and keeps more to itself than
    Jellyfin unless it is asked for: years, play counts. Without user data it is said to ignore the library asked for.
    """

    kind = "Emby"
    repeats = True

    def __init__(self, client: MediaBrowserClient) -> None:
        self.client = client
        self.described: Mapping[str, str] = _DESCRIBED
        self.listened: Mapping[str, str] = _LISTENED

    async def items(self, what: str, start: int, limit: int, **query: str) -> Entries:
        common: dict[str, str | int] = {"Recursive": "true", "SortBy": "DateCreated,SortName"}
        common |= {"StartIndex": start, "Limit": limit}
        named = {name[0].upper() + name[1:]: value for name, value in query.items()}
        return await listed(self.client, what, f"{await self._user()}/Items", **common, **named)

    async def item(self, item_id: str) -> Json:
        return await one_item(self.client, f"{await self._user()}/Items/{item_id}")

    async def views(self) -> Entries:
        return await listed(self.client, "libraries", f"{await self._user()}/Views")

    async def entries(self, playlist_id: str, start: int, limit: int) -> Entries:
        path, user = f"Playlists/{playlist_id}/Items", await self.client.user_id()
        return await listed(self.client, "entries", path, UserId=user, StartIndex=start, Limit=limit)

    async def create(self, name: str, item_ids: Sequence[str]) -> object:
        query = {"Name": name, "Ids": ",".join(item_ids), "UserId": await self.client.user_id(), "MediaType": "Audio"}
        return await self.client.call("POST", "Playlists", query)

    async def add(self, playlist_id: str, item_ids: Sequence[str]) -> None:
        query = {"Ids": ",".join(item_ids), "UserId": await self.client.user_id()}
        await self.client.call("POST", f"Playlists/{playlist_id}/Items", query)

    async def may_remove(self, playlist_id: str) -> None:
        """Nothing to ask: whoever may append may remove."""

    async def remove(self, playlist_id: str, entry_ids: Sequence[str]) -> None:
        await self.client.call("DELETE", f"Playlists/{playlist_id}/Items", {"EntryIds": ",".join(entry_ids)})

    async def rename(self, playlist_id: str, name: str) -> None:
        await rename_item(self.client, await self.item(playlist_id), name)

    async def delete(self, item_id: str) -> None:
        await self.client.call("POST", "Items/Delete", {"Ids": item_id})

    async def lyrics(self, item_id: str) -> str | None:
        stream = lyrics_stream(await self.item(item_id))
        if stream is None:
            return None
        source, index = stream
        return parse_track_events(await self.client.get(f"Items/{item_id}/{source}/Subtitles/{index}/Stream.js"))

    async def _user(self) -> str:
        return f"Users/{await self.client.user_id()}"
