"""Extended M3U as Starling writes it into a folder, and as anybody else may have written it there.

A list of ours names itself in a line of its own, with its id and its file's name: a copy under another name, or a file
that its owner renamed, is the owner's and no longer ours.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.paths import from_item_id, to_item_id

SUFFIX = ".m3u8"
MAX_NAME_BYTES = 200
"""Of 255 that file systems take: a number and the suffix are added, and some encrypt names into longer ones."""

_MARK = "#STARLING:"
_DASHED = re.compile(r"[/\\|:]+")
_QUOTED = re.compile(r"[\"<>]")
_DROPPED = re.compile(r"[?*]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class M3u:
    """What a list says. ``name`` None where it has none; ``mark`` is (id, file name) of a list of ours."""

    name: str | None
    mark: tuple[str, str] | None
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A track as a list names it; ``about`` is what follows ``#EXTINF:``."""

    entry: str
    about: str | None = None


def parse_m3u(content: bytes) -> M3u:
    """Reads any M3U; bytes that are no UTF-8 stay what they are in paths."""
    name, mark, entries = None, None, []
    for line in content.decode("utf-8-sig", "surrogateescape").split("\n"):
        text = line.rstrip("\r")
        if text.startswith("#PLAYLIST:"):
            name = name or clean_text(text.removeprefix("#PLAYLIST:"))
        elif text.startswith(_MARK):
            list_id, _, file_name = text.removeprefix(_MARK).partition(":")
            mark = mark or (list_id, file_name)
        elif text.strip() and not text.startswith("#"):
            entries.append(text)
    return M3u(name, mark, tuple(entries))


def write_m3u(list_id: str, file_name: str, name: str, lines: Iterable[Line]) -> bytes:
    """A list of ours."""
    text = ["#EXTM3U", f"#PLAYLIST:{clean_text(name) or 'Playlist'}", f"{_MARK}{list_id}:{file_name}"]
    for line in lines:
        if line.about is not None:
            text.append(f"#EXTINF:{line.about}")
        text.append(line.entry)
    return ("\n".join(text) + "\n").encode()


def rename_m3u(content: bytes, file_name: str, name: str) -> bytes:
    """A list of ours under another name; all its other lines stay as they are."""
    lines = content.decode("utf-8-sig", "surrogateescape").split("\n")
    for place, line in enumerate(lines):
        if line.startswith("#PLAYLIST:"):
            lines[place] = f"#PLAYLIST:{clean_text(name) or 'Playlist'}"
        elif line.startswith(_MARK):
            lines[place] = ":".join((*line.split(":")[:2], file_name))
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def entry_of(item_id: str, root: str) -> str | None:
    """How a list in a directory of ``root`` names a file: relative, or as a URL where its path is no line of text.
    None for what cannot be a path inside."""
    relative = from_item_id(item_id)
    if relative is None:
        return None
    if to_item_id(relative) == relative and not re.search(r"[\n\r]", relative):
        return f"../{relative}"
    return "file://" + quote_from_bytes(os.fsencode(f"{root}/{relative}"), safe="/")


def item_of(entry: str, root: str, folder: Path) -> str | None:
    """The item an entry of a list in ``folder`` means; None for what is not below ``root``."""
    if entry.lower().startswith("file://"):
        path = os.fsdecode(unquote_to_bytes(entry[len("file://") :].removeprefix("localhost")))
    elif _OTHER_SCHEME.match(entry):
        return None
    else:
        path = entry
    whole = os.path.normpath(folder / path)
    if "\0" in whole or not whole.startswith(f"{root}/"):
        return None
    return to_item_id(whole.removeprefix(f"{root}/"))


def file_name(name: str, taken: Iterable[str]) -> str:
    """A name for a list's file that every common file system takes: not hidden, none that Windows keeps for itself, at
    most 255 bytes, and other than all in ``taken`` without regard to case."""
    text = unicodedata.normalize("NFC", clean_text(name) or "")
    text = _DROPPED.sub("", _QUOTED.sub("'", _DASHED.sub("-", text)))
    text = text.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip(" .")
    text = text or "Playlist"
    if _RESERVED.fullmatch(text):
        text = f"{text}_"
    used = {other.casefold() for other in taken}
    found, number = f"{text}{SUFFIX}", 1
    while found.casefold() in used:
        number += 1
        found = f"{text} ({number}){SUFFIX}"
    return found
