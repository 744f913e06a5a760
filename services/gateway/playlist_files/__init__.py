"""Playlists as files: M3U8 and JSPF, written and read. Everything here is pure."""

from __future__ import annotations

from services.gateway.playlist_files.entries import MOST_ENTRIES, Entry, FilePlaylist, Format
from services.gateway.playlist_files.reading import read
from services.gateway.playlist_files.writing import Item, write_jspf, write_m3u8

__all__ = ["MOST_ENTRIES", "Entry", "FilePlaylist", "Format", "Item", "read", "write_jspf", "write_m3u8"]
