"""Playlists of a Subsonic server.

A new playlist is filled under a name of its own and gets its real one when it is whole: servers of API 1.12 do not say
which id a new playlist got, names may be taken, and nobody should see half of it. An old one is replaced by one
request where all ids fit in it, else changed by appending and removing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from shared.errors import ServerMisbehaved, ServerRefused, StarlingError
from shared.mediaservers.base import RemotePlaylist
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.edits import plan
from shared.mediaservers.json_answers import objects
from shared.mediaservers.subsonic_answers import child, parse_id, parse_playlist_items, parse_playlists
from shared.mediaservers.subsonic_client import Fields, SubsonicClient

NAME_LIMIT = 255
UNDO_S = 30.0
Items = tuple[str, ...]


class SubsonicPlaylists:
    """See the module; methods as in ``PlaylistServer``."""

    def __init__(self, client: SubsonicClient) -> None:
        self._client = client

    async def listing(self) -> tuple[RemotePlaylist, ...]:
        """All the login can see, those of others too."""
        return parse_playlists(await self._client.call("getPlaylists"))

    async def items(self, remote_id: str) -> Items:
        return parse_playlist_items(await self._client.call("getPlaylist", id=remote_id))

    async def create(self, name: str, item_ids: Sequence[str]) -> str:
        """As ``create_playlist``; items the server does not know are left out."""
        wanted = tuple(item_ids)
        try:
            return await self._create(usable_name(name), wanted)
        except ServerRefused as error:
            known = await self._known(wanted) if error.reason == "not_found" else wanted
            if known == wanted:
                raise
            return await self._create(usable_name(name), known)

    async def set_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """As ``set_playlist_items``; items the server does not know are left out."""
        wanted = tuple(item_ids)
        current = await self.items(remote_id)
        if current == wanted:
            return
        try:
            await self._change(remote_id, current, wanted)
        except ServerRefused as error:
            if error.reason != "not_found":
                raise
            current = await self.items(remote_id)
            known = await self._known(wanted)
            if known == wanted:
                raise ServerRefused("refused", error.detail) from None
            await self._change(remote_id, current, known)

    async def rename(self, remote_id: str, name: str) -> None:
        await self._client.write("updatePlaylist", [("playlistId", remote_id), ("name", usable_name(name))])

    async def delete(self, remote_id: str) -> None:
        try:
            await self._client.write("deletePlaylist", [("id", remote_id)])
        except ServerRefused as error:
            if error.reason not in {"not_found", "refused"}:
                raise
            if any(playlist.remote_id == remote_id for playlist in await self.listing()):
                raise

    async def _create(self, name: str, wanted: Items) -> str:
        draft = f"{name[:100]} (being written {secrets.token_hex(4)})"
        remote_id: str | None = None
        try:
            first, *rest = await self._client.batches("songId", wanted)
            remote_id = await self._begin(draft, first)
            for batch in rest:
                await self._append(remote_id, [item for _, item in batch])
            await self._finish(remote_id, name, empty=not wanted)
            await self._check(remote_id, wanted, draft)
        except BaseException:
            await asyncio.shield(self._undo(remote_id, draft))
            raise
        return remote_id

    async def _begin(self, draft: str, first: Fields) -> str:
        """Make the playlist; older servers do not answer what they made, so it is looked for."""
        answer = await self._client.write("createPlaylist", [("name", draft), *first])
        remote_id = parse_id(child(answer, "playlist"))
        if remote_id is not None and self._client.posts:
            return remote_id
        made = await self._drafts(draft)
        if not made:
            raise ServerMisbehaved("incomplete_answer", f"{self._client.name} did not keep a new playlist")
        for twin in made[1:]:
            await self.delete(twin)
        return made[0]

    async def _finish(self, remote_id: str, name: str, *, empty: bool) -> None:
        """Give a new playlist its name, and keep it from other users."""
        if empty:
            await self._give_no_songs(remote_id)
        fields = [("playlistId", remote_id), ("name", name), ("public", "false")]
        await self._client.write("updatePlaylist", fields)

    async def _give_no_songs(self, remote_id: str) -> None:
        """supysonic cannot change a playlist that was never given any list of songs; other servers may refuse this."""
        try:
            await self._client.write("createPlaylist", [("playlistId", remote_id)])
        except ServerRefused as error:
            if error.reason != "refused":
                raise

    async def _drafts(self, draft: str) -> list[str]:
        """The playlists of a name that only we can have given."""
        return [playlist.remote_id for playlist in await self.listing() if playlist.name == draft]

    async def _undo(self, remote_id: str | None, draft: str) -> None:
        """Delete what there is of a new playlist. What led here is what is told: failing here adds nothing to it."""
        try:
            async with asyncio.timeout(UNDO_S):
                for made in [remote_id] if remote_id is not None else await self._drafts(draft):
                    await self.delete(made)
        except (StarlingError, TimeoutError):
            return

    async def _change(self, remote_id: str, current: Items, wanted: Items) -> None:
        if await self._replaced(remote_id, wanted):
            current = await self.items(remote_id)
            if await self._settled(current, wanted):
                return
        edit = plan(current, wanted)
        await self._append(remote_id, edit.append)
        for batch in await self._client.batches("songIndexToRemove", [str(place) for place in edit.remove]):
            if batch:
                await self._client.write("updatePlaylist", [("playlistId", remote_id), *batch])
        await self._check(remote_id, wanted)

    async def _replaced(self, remote_id: str, wanted: Items) -> bool:
        """True when the server took the whole list in one request."""
        first, *rest = await self._client.batches("songId", wanted)
        if rest or not wanted:
            return False
        try:
            await self._client.write("createPlaylist", [("playlistId", remote_id), *first])
        except ServerRefused as error:
            if error.reason != "refused":
                raise
            return False
        return True

    async def _append(self, remote_id: str, item_ids: Sequence[str]) -> None:
        for batch in await self._client.batches("songIdToAdd", item_ids):
            if batch:
                await self._client.write("updatePlaylist", [("playlistId", remote_id), *batch])

    async def _check(self, remote_id: str, wanted: Items, draft: str | None = None) -> None:
        """Raises ``ServerMisbehaved`` when the server has not done what it said."""
        answer = await self._client.call("getPlaylist", id=remote_id)
        found = parse_playlist_items(answer)
        if not await self._settled(found, wanted):
            told = f"{self._client.name} keeps {len(found)} of {len(wanted)} songs of a playlist, or in another order"
            raise ServerMisbehaved("incomplete_answer", told)
        if draft is not None and child(answer, "playlist").get("name") == draft:
            raise ServerMisbehaved("incomplete_answer", f"{self._client.name} does not rename a playlist")

    async def _settled(self, found: Items, wanted: Items) -> bool:
        """The list is as wanted, apart from songs that the server says it does not have."""
        if found == wanted:
            return True
        there = set(found)
        if found != tuple(item for item in wanted if item in there):
            return False
        missing = [item for item in wanted if item not in there]
        return not any(await asyncio.gather(*map(self._exists, {missing[0], missing[-1]})))

    async def _known(self, item_ids: Items) -> Items:
        """The items that the server has."""
        once = tuple(dict.fromkeys(item_ids))
        there = dict(zip(once, await asyncio.gather(*map(self._exists, once)), strict=True))
        return tuple(item for item in item_ids if there[item])

    async def _exists(self, item_id: str) -> bool:
        try:
            return bool(objects((await self._client.call("getSong", id=item_id)).get("song"), "songs"))
        except ServerRefused as error:
            if error.reason != "not_found":
                raise
            return False


def usable_name(name: str) -> str:
    """One line of at most 255 characters."""
    return (clean_text(name) or "Playlist")[:NAME_LIMIT].rstrip()
