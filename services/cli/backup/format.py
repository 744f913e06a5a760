"""The file that ``starling export`` writes: gzip, and in it one JSON object a line, in this order.

    header   {"format": "starling-export", "version": 2, "starling": "0.1.0", "created_at": ..., "until": "<position>",
              "followers": {"coordinator": "<position>"}, "tables": {"secrets": {"columns": [...], "rows": 2}, ...},
              "events": {"track.analyzed": {"count": 9, "version": 1}, ...},
              "seal": {"kdf": "argon2id", "salt": ..., "proof": ..., "time_cost": 3, "memory_kib": 65536, "lanes": 4}}
    rows     {"row": "secrets", "values": "<the row as JSON>"}              bytea as PostgreSQL writes it, \\x and hex
    events   {"event": "<position>", "id": ..., "type": ..., "version": 1, "occurred_at": ..., "subject": ...,
              "data": "<JSON>", "blob": "<base64>"}                       "data64" instead of data that is not UTF-8
    end      {"end": <lines before this one>, "sha256": "<of all bytes before this line>"}

Positions are ``<milliseconds>-<sequence>``, times ISO 8601, ``until`` the position of the last event, ``version`` of a
type the newest one in the file. JSON inside of JSON is a string, so that it comes back to the last digit.

The rows of ``secrets`` are encrypted with a key that is made of a passphrase as ``seal`` says; without one there are
none. In version 1 there was no ``seal``: they were encrypted with the STARLING_SECRET_KEY of who wrote them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any, Protocol
from uuid import UUID

from services.cli.backup.sealing import SECRETS, Seal
from shared import positions
from shared.errors import InvalidInput, StarlingError
from shared.events import EVENTS
from shared.messages import Raw
from shared.streams import LogEntry

FORMAT = "starling-export"
VERSION = 2
UNSEALED = 1
"""The version whose passwords are encrypted with a STARLING_SECRET_KEY."""
_LEVEL = 4
_LONGEST_HEADER = 1 << 20
_LONGEST_LINE = 128 << 20
"""The proposals of a clustering are the longest: up to 32 MB."""
_END = b'{"end":'
_WRONG_FILE = "this is no whole export of Starling; name a file that 'starling export' has written. Nothing was changed"
_DAMAGED = "the file is damaged or was cut off; take another copy of it. Nothing was changed"


class UnusableExport(StarlingError):
    """A file that cannot be imported."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What the file holds of a table."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Kind:
    """What the file holds of one type of event: how many, and the newest version."""

    count: int
    version: int


@dataclass(frozen=True, slots=True)
class Header:
    """``until`` is the position of the last event, ``followers`` the positions that are taken over, ``seal`` how the
    passwords are encrypted, if it holds any."""

    starling: str
    created_at: str
    until: int
    followers: Mapping[str, int]
    tables: Mapping[str, Rows]
    events: Mapping[str, Kind]
    seal: Seal | None = None
    version: int = VERSION

    @property
    def count(self) -> int:
        """How many events the file holds."""
        return sum(kind.count for kind in self.events.values())

    def to_line(self) -> bytes:
        """The first line."""
        seal = {} if self.seal is None else {"seal": self.seal.to_document()}
        return _line(
            {
                "format": FORMAT,
                "version": self.version,
                "starling": self.starling,
                "created_at": self.created_at,
                "until": positions.text(self.until),
                "followers": {name: positions.text(position) for name, position in self.followers.items()},
                "tables": {name: asdict(rows) for name, rows in self.tables.items()},
                "events": {name: asdict(kind) for name, kind in self.events.items()},
                **seal,
            }
        )


def parse_header(line: bytes) -> Header:
    """The inverse of ``Header.to_line``. Raises ``UnusableExport`` for another kind of file, or a newer one."""
    try:
        found = json.loads(line)
        kind, version = found["format"], found["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        kind = version = None
    if kind != FORMAT:
        raise UnusableExport(_WRONG_FILE)
    if version not in (UNSEALED, VERSION):
        raise UnusableExport(
            f"the file is an export in format {version}, written by Starling {found.get('starling')}; this Starling "
            f"reads formats up to {VERSION}. Update Starling and import again"
        )
    try:
        header = Header(
            starling=str(found["starling"]),
            created_at=str(found["created_at"]),
            until=positions.pack(found["until"]),
            followers={name: positions.pack(text) for name, text in found["followers"].items()},
            tables={name: Rows(tuple(one["columns"]), one["rows"]) for name, one in found["tables"].items()},
            events={name: Kind(one["count"], one["version"]) for name, one in found["events"].items()},
            seal=Seal.from_document(found["seal"]) if version != UNSEALED and SECRETS in found["tables"] else None,
            version=version,
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
        raise UnusableExport(_DAMAGED) from error
    _check_events(header)
    return header


def _check_events(header: Header) -> None:
    for name, kind in header.events.items():
        known = EVENTS.by_type.get(name)
        if known is not None and kind.version > known.version:
            raise UnusableExport(
                f"the file holds {name} in version {kind.version}, written by Starling {header.starling}; this "
                f"Starling knows it up to version {known.version}. Update Starling and import again"
            )


class Target(Protocol):
    """What an export is written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""
        ...


class Writer:
    """Writes an export to ``target``, whose errors go through."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._packer = zlib.compressobj(_LEVEL, wbits=16 + zlib.MAX_WBITS)
        self._digest = hashlib.sha256()
        self._lines = 0

    def header(self, header: Header) -> None:
        """The first line."""
        self._put(header.to_line())

    def row(self, table: str, values: str) -> None:
        """A row, as the JSON that PostgreSQL makes of it."""
        self._put(_line({"row": table, "values": values}))

    def event(self, entry: LogEntry) -> None:
        """An event."""
        self._put(_line(_to_document(entry)))

    def end(self) -> None:
        """The last line; without it the file is refused."""
        last = _line({"end": self._lines, "sha256": self._digest.hexdigest()})
        self._target.write(self._packer.compress(last) + self._packer.flush())

    def _put(self, line: bytes) -> None:
        self._digest.update(line)
        self._lines += 1
        if packed := self._packer.compress(line):
            self._target.write(packed)


def verify(source: IO[bytes]) -> Header:
    """Read an export to its end without doing anything with it. Raises ``UnusableExport``."""
    header, lines = None, 0
    for line in _checked(source):
        header = header or parse_header(line)
        lines += 1
    if header is None:
        raise UnusableExport(_WRONG_FILE)
    expected = 1 + header.count + sum(table.rows for table in header.tables.values())
    if lines != expected:
        raise UnusableExport(f"the file should hold {expected} lines and has {lines}; {_DAMAGED}")
    return header


def contents(source: IO[bytes]) -> Iterator[tuple[str, str] | LogEntry]:
    """Rows, as ``(table, JSON)``, then events, of an export that was verified. Raises ``UnusableExport`` in the end if
    the file has been changed since."""
    lines = _checked(source)
    next(lines)
    for line in lines:
        try:
            document = json.loads(line)
            item = (document["row"], document["values"]) if "row" in document else _to_entry(document)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidInput) as error:
            raise UnusableExport(_DAMAGED) from error
        yield item


def _checked(source: IO[bytes]) -> Iterator[bytes]:
    """Every line but the last, which is compared with them."""
    digest, lines = hashlib.sha256(), 0
    for line in _lines(source):
        if line.startswith(_END):
            if line != _line({"end": lines, "sha256": digest.hexdigest()}):
                raise UnusableExport(_DAMAGED)
            continue
        digest.update(line)
        lines += 1
        yield line


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Each line; the last is the end, or the file is refused."""
    ended, begun = False, False
    try:
        with gzip.GzipFile(fileobj=source, mode="rb") as unpacked:
            while line := unpacked.readline(_LONGEST_LINE if begun else _LONGEST_HEADER):
                if ended or not line.endswith(b"\n"):
                    raise UnusableExport(_DAMAGED if begun else _WRONG_FILE)
                ended, begun = line.startswith(_END), True
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnusableExport(_DAMAGED if begun else _WRONG_FILE) from error
    if not ended:
        raise UnusableExport(_DAMAGED if begun else _WRONG_FILE)


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _to_document(entry: LogEntry) -> dict[str, Any]:
    raw = entry.raw
    document: dict[str, Any] = {
        "event": positions.text(entry.position),
        "id": str(raw.id),
        "type": raw.type,
        "version": raw.version,
        "occurred_at": raw.occurred_at.isoformat(),
        "subject": raw.subject,
    }
    optional = {"correlation_id": raw.correlation_id, "causation_id": raw.causation_id, "traceparent": raw.traceparent}
    document |= {name: str(value) for name, value in optional.items() if value is not None}
    try:
        document["data"] = raw.data.decode()
    except UnicodeDecodeError:
        document["data64"] = base64.b64encode(raw.data).decode()
    if raw.blob is not None:
        document["blob"] = base64.b64encode(raw.blob).decode()
    return document


def _to_entry(document: Mapping[str, Any]) -> LogEntry:
    blob = document.get("blob")
    return LogEntry(
        position=positions.pack(document["event"]),
        raw=Raw(
            id=UUID(document["id"]),
            type=document["type"],
            version=document["version"],
            occurred_at=datetime.fromisoformat(document["occurred_at"]),
            subject=document["subject"],
            data=document["data"].encode() if "data" in document else base64.b64decode(document["data64"]),
            correlation_id=_uuid(document.get("correlation_id")),
            causation_id=_uuid(document.get("causation_id")),
            traceparent=document.get("traceparent"),
            blob=None if blob is None else base64.b64decode(blob),
            attempts=0,
        ),
    )


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
