"""The playlists of our Jellyfin or Emby: what may be asked of them, and by whom."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.mediabrowser.records import SERVER_ID, Json, Playlist, Refused, make_id

if TYPE_CHECKING:
    from tests.mediabrowser.server import Call, TestServer

NAME_BYTES = 240
"""A longer name makes no folder."""


class Playlists:
    """By id, in the order they were made. Jellyfin drops what a playlist has already; its entries have the ids of
    their items. Emby's entries have numbers."""

    def __init__(self, server: TestServer) -> None:
        self._server = server
        self._numbers = count(1)
        self.kept: dict[str, Playlist] = {}

    def make(self, name: str, owner: str, item_ids: list[str], *, public: bool = False) -> Playlist:
        """A playlist with what exists of the items."""
        playlist_id = make_id(self._server.flavour.kind, f"playlist {next(self._numbers)}")
        playlist = Playlist(playlist_id, name, owner, public, [])
        self._append(playlist, item_ids)
        self.kept[playlist_id] = playlist
        return playlist

    def routes(self) -> list[tuple[str, str, Any, bool]]:
        emby = self._server.flavour.emby
        renames = [] if emby else [("POST", r"Playlists/([^/]+)", self._update, False)]
        deletes = (
            [("POST", "Items/Delete", self._delete_several, False)]
            if emby
            else [("DELETE", r"Items/([^/]+)", self._delete_one, False)]
        )
        return [
            ("POST", "Playlists", self._create_emby if emby else self._create, False),
            *renames,
            ("GET", r"Playlists/([^/]+)/Items", self._entries, False),
            ("POST", r"Playlists/([^/]+)/Items", self._add, False),
            ("DELETE", r"Playlists/([^/]+)/Items", self._remove, False),
            *deletes,
            ("POST", r"Items/([^/]+)", self._write_item, False),
        ]

    def listed(self, user: str) -> list[Json]:
        """What a user sees: the own ones and the public ones."""
        return [_shown(one) for one in self.kept.values() if one.public or one.owner == user]

    def described(self, playlist_id: str, user: str) -> Json:
        playlist = self._visible(playlist_id, user)
        return {**_shown(playlist), "Tags": playlist.tags, "Genres": [], "ProviderIds": {}, "LockData": False}

    def _visible(self, playlist_id: str, user: str) -> Playlist:
        playlist = self.kept.get(playlist_id)
        if playlist is None or (not playlist.public and playlist.owner != user):
            raise Refused(404, "Playlist not found")
        return playlist

    def _own(self, call: Call, user: str | None = None) -> Playlist:
        """The playlist of a call that changes it."""
        user = user or self._server.user_of(call, None)
        playlist = self._visible(call.parts[0], user)
        if playlist.owner != user:
            raise Refused(403)
        return playlist

    def _append(self, playlist: Playlist, item_ids: list[str]) -> None:
        for item_id in item_ids:
            if self._server.track(item_id) is None:
                continue
            if self._server.flavour.emby:
                playlist.entries.append((str(next(self._numbers)), item_id))
            elif all(known != item_id for _, known in playlist.entries):
                playlist.entries.append((item_id, item_id))

    def _create(self, call: Call) -> web.Response:
        body = call.body
        user = self._server.user_of(call, body.get("UserId"))
        return self._made(body["Name"], user, body.get("Ids", []), public=body.get("IsPublic", True))

    def _create_emby(self, call: Call) -> web.Response:
        return self._made(call.query["name"], self._server.user_of(call, None), call.ids("ids"), public=False)

    def _made(self, name: str, user: str, item_ids: list[str], *, public: bool) -> web.Response:
        if len(name.encode()) > NAME_BYTES:
            raise Refused(500, "Error processing request.")
        playlist = self.make(name.strip(), user, item_ids, public=public)
        return web.json_response({"Id": playlist.id} | ({"Name": name} if self._server.flavour.emby else {}))

    def _update(self, call: Call) -> web.Response:
        """A key has no user, and this call asks nobody else."""
        if call.caller is None:
            raise Refused(400, "Error processing request.")
        playlist = self._own(call, call.caller)
        playlist.name = call.body.get("Name") or playlist.name
        return web.Response(status=204)

    def _entries(self, call: Call) -> web.Response:
        playlist = self._visible(call.parts[0], self._server.user_of(call, None))
        items = []
        for entry_id, item_id in playlist.entries:
            track = self._server.track(item_id)
            if track is not None:
                items.append({**self._server.described(track, []), "PlaylistItemId": entry_id})
        return self._server.listing(call, items)

    def _add(self, call: Call) -> web.Response:
        self._append(self._own(call), call.ids("ids"))
        return web.Response(status=204)

    def _remove(self, call: Call) -> web.Response:
        """By entry id; on Emby the id of a track does nothing."""
        if call.caller is None and not self._server.flavour.key_removes:
            raise Refused(400, "Error processing request.")
        playlist = self.kept.get(call.parts[0]) if call.caller is None else self._own(call, call.caller)
        if playlist is None:
            raise Refused(404, "Playlist not found")
        gone = set(call.ids("entryids"))
        playlist.entries = [entry for entry in playlist.entries if entry[0] not in gone]
        return web.Response(status=204)

    def _delete_one(self, call: Call) -> web.Response:
        self._delete(call, call.parts[0])
        return web.Response(status=204)

    def _delete_several(self, call: Call) -> web.Response:
        for item_id in call.ids("ids"):
            self._delete(call, item_id)
        return web.Response(status=204)

    def _delete(self, call: Call, item_id: str) -> None:
        """A playlist of the caller's, or a track with its file: the server does not ask twice."""
        track = self._server.track(item_id)
        if track is not None:
            self._server.tracks.remove(track)
            return
        playlist = self.kept.get(item_id)
        if playlist is None:
            raise Refused(404, "Could not find item")
        if call.caller not in {None, playlist.owner}:
            raise Refused(401, "Unauthorized access")
        del self.kept[item_id]

    def _write_item(self, call: Call) -> web.Response:
        """Everything about an item; what is missing in the body is cleared. Only for administrators on Jellyfin."""
        if call.caller is not None and not self._server.flavour.emby:
            raise Refused(403)
        playlist = self.kept.get(call.parts[0])
        if playlist is None:
            raise Refused(404, "Could not find item")
        playlist.name, playlist.tags = call.body.get("Name", ""), call.body.get("Tags", [])
        return web.Response(status=204)


def _shown(playlist: Playlist) -> Json:
    common = {"Name": playlist.name, "Id": playlist.id, "ServerId": SERVER_ID, "Type": "Playlist"}
    return {**common, "MediaType": "Audio", "IsFolder": True}
