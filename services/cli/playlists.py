"""``playlists``: list, show, export, import, rename, lock, unlock, delete, restore, versions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

from services.cli.client import Api
from services.cli.output import note, pairs, say, say_json, table
from services.cli.perform import OK, PROBLEM
from services.cli.session import Session
from services.cli.wording import ago, clean, count, duration, in_words, local_time, track_name
from shared.errors import InvalidInput, StarlingError

Answer = dict[str, Any]
_FORMATS = {".jspf": "jspf", ".json": "jspf", ".m3u": "m3u8", ".m3u8": "m3u8"}


async def list_playlists(session: Session, *, deleted: bool, as_json: bool) -> int:
    """All playlists, by name."""
    async with session.api() as api:
        found = await api.listed("/playlists", deleted=str(deleted).lower())
    if as_json:
        say_json(found)
    elif not found:
        say(
            "No playlist was deleted." if deleted else "There is no playlist yet; 'starling cluster --save' makes some."
        )
    else:
        table(
            ("id", "name", "tracks", "length", "changed", "servers"), [_row(item) for item in found], right=("tracks",)
        )
    return OK


def _row(item: Answer) -> tuple[object, ...]:
    name = f"{item['name']} (locked)" if item["locked"] else item["name"]
    servers = ", ".join(link_words(item, link) for link in item["links"])
    return item["id"], name, item["track_count"], duration(item["duration_s"]), ago(item["changed_at"]), servers


def link_words(playlist: Answer, link: Answer) -> str:
    """``Nas``, ``Nas (older)``, ``Nas (failed)``. Pure."""
    name = str(link["server_name"])
    if link["state"] != "synced":
        return f"{name} ({in_words(link['state'])})"
    return name if link["number"] == playlist["version"] else f"{name} (older)"


async def show_playlist(session: Session, playlist: str, *, as_json: bool) -> int:
    """One playlist with its tracks and versions."""
    async with session.api() as api:
        found = await api.get(f"/playlists/{await find_playlist(api, playlist)}")
        versions = (await api.get(f"/playlists/{found['id']}/versions"))["items"]
    if as_json:
        say_json({**found, "versions": versions})
        return OK
    pairs(details(found))
    say()
    for place, track in enumerate(found["tracks"], start=1):
        say(f"{place:>4}  {track_name(track)}{'  (gone)' if track['gone'] else ''}")
    say()
    rows = [
        (item["number"], item["action"], local_time(item["at"]), item["track_count"], item["added"], item["removed"])
        for item in versions
    ]
    table(("version", "what", "when", "tracks", "added", "removed"), rows, right=("version", "tracks"))
    return OK


def details(playlist: Answer) -> list[tuple[str, str]]:
    """A playlist as names and values. Pure."""
    rows = [
        ("name", playlist["name"]),
        ("id", playlist["id"]),
        ("version", str(playlist["version"])),
        ("state", ", ".join(name for name in ("locked", "deleted") if playlist[name])),
        ("from", {"cluster": "a clustering", "import": "a file"}.get(playlist["kind"], playlist["kind"])),
        ("length", f"{count(playlist['track_count'], 'track')}, {duration(playlist['duration_s'])}"),
        ("pinned", count(len(playlist["pinned"]), "track") if playlist["pinned"] else ""),
        ("excluded", count(len(playlist["excluded"]), "track") if playlist["excluded"] else ""),
        ("without", ", ".join(playlist["excluded_artists"])),
        *((f"on {link['server_name']}", _standing(playlist, link)) for link in playlist["links"]),
    ]
    return [(clean(name), value) for name, value in rows if value]


def _standing(playlist: Answer, link: Answer) -> str:
    if link["state"] == "failed":
        return f"failed: {link['detail'] or in_words(link['reason'] or '')}"
    if link["state"] != "synced":
        return in_words(link["state"])
    missing = f", {count(link['missing'], 'track')} missing" if link["missing"] else ""
    older = "" if link["number"] == playlist["version"] else f", as of version {link['number']}"
    return f"{count(link['written'], 'track')}{missing}{older}, {ago(link['synced_at'])}"


async def export(session: Session, playlist: str, target: Path | None, file_format: str | None) -> int:
    """Write a playlist to a file; to stdout without one. The format follows the file's name."""
    chosen = file_format or (_FORMATS.get(target.suffix.lower(), "m3u8") if target else "m3u8")
    async with session.api() as api:
        content = await api.download(f"/playlists/{await find_playlist(api, playlist)}/export", format=chosen)
    if target is None:
        print(content.decode(), end="" if content.endswith(b"\n") else "\n")
        return OK
    try:
        await asyncio.to_thread(target.write_bytes, content)
    except OSError as error:
        raise StarlingError(f"{target} cannot be written ({error.strerror}); name another file") from error
    note(f"Wrote {target}.")
    return OK


async def import_file(session: Session, source: Path, name: str | None, *, as_json: bool) -> int:
    """Make a playlist of an M3U or JSPF file, and say what was not found."""
    try:
        content = await asyncio.to_thread(source.read_bytes)
    except OSError as error:
        raise InvalidInput("file", f"{source} cannot be read ({error.strerror}); name another file") from error
    async with session.api() as api:
        found = await api.upload(
            "/playlists/import", content, name=name or source.stem[:300], format=_FORMATS.get(source.suffix.lower())
        )
    if as_json:
        say_json(found)
        return OK
    say(f"{clean(found['name'])}: {count(found['matched'], 'track')}, {found['missing_count']:,} not found.")
    for entry in found["missing"]:
        say(f"  {entry['line']}. {clean(entry['text'])}")
    return OK if not found["missing_count"] else PROBLEM


async def change(session: Session, playlist: str, **wish: Any) -> int:
    """Rename, lock or unlock."""
    async with session.api() as api:
        before = await api.get(f"/playlists/{await find_playlist(api, playlist)}")
        after = await api.send("PATCH", f"/playlists/{before['id']}", {"version": before["version"], **wish})
    lock = " (locked)" if after["locked"] else ""
    say(f"{clean(after['name'])}{lock} is at version {after['version']}.")
    return OK


async def delete(session: Session, playlist: str, *, remote: bool) -> int:
    """Delete a playlist; on media servers, too, where that is wanted."""
    async with session.api() as api:
        playlist_id = await find_playlist(api, playlist)
        await api.send("DELETE", f"/playlists/{playlist_id}", remote=str(remote).lower())
    say(f"Deleted; 'starling playlists restore {playlist_id} VERSION' brings it back.")
    return OK


async def restore(session: Session, playlist: str, number: int) -> int:
    """Bring back a version of a playlist, also of a deleted one."""
    async with session.api() as api:
        playlist_id = await find_playlist(api, playlist, deleted=True)
        after = await api.send("POST", f"/playlists/{playlist_id}/restore", {"number": number})
    say(f"{clean(after['name'])} is as it was in version {number}; this is version {after['version']}.")
    return OK


async def find_playlist(api: Api, text: str, *, deleted: bool = False) -> str:
    """The id of the playlist that ``text`` means: an id, the beginning of one, or a name. Raises ``InvalidInput``."""
    try:
        return str(UUID(text))
    except ValueError:
        pass
    known = await api.listed("/playlists")
    if deleted:
        known += await api.listed("/playlists", deleted="true")
    return choose(text, known)


def choose(text: str, playlists: list[Answer]) -> str:
    """Pure part of ``find_playlist``."""
    wanted = text.casefold().strip()
    found = [item for item in playlists if item["name"].casefold() == wanted]
    found = found or [item for item in playlists if item["id"].startswith(wanted) and len(wanted) >= 4]
    if len(found) == 1:
        return str(found[0]["id"])
    if found:
        ids = ", ".join(item["id"] for item in found[:5])
        raise InvalidInput("playlist", f"{text} can mean several playlists; name one by its id: {ids}")
    raise InvalidInput("playlist", f"there is no playlist {text}; 'starling playlists' lists them")
