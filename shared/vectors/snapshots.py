"""Copies of an index on disk, so that a restart need not build the graph again.

    <folder>/<space>/<position>/graph.voyager   what voyager writes
                                tracks.npy      label, track and library of each live vector
                                about.json      format, position, origin, generation, checksums

A snapshot is only a cache of the table: one that is half written, damaged or of another database is passed over. It is
made under another name, synced and renamed, so a crash leaves either all of it or nothing that counts. ``origin`` is
the first event of the archive and ``generation`` the table's own number, which a rebuild changes: the rebuilt table
has the same labels, so the graph stays good and is only checked against the rows.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from shared import positions
from shared.durable import sync
from shared.vectors.graph import Graph

log = structlog.get_logger(__name__)

FORMAT = 1
KEPT = 2
TRACKS = np.dtype([("label", "<i8"), ("ids", "V32")])
"""``ids`` are the bytes of the track's id, then of its library's."""

_GRAPH, _TRACKS, _ABOUT = "graph.voyager", "tracks.npy", "about.json"
_DRAFT = ".draft-"
_DRAFT_FORGOTTEN_S = 3600.0
_BLOCK = 1 << 20

TrackTable = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class About:
    """What a snapshot holds: everything of ``space`` up to ``position``."""

    space: str
    dimensions: int
    position: int
    origin: str | None
    generation: int
    format: int = FORMAT


class SnapshotFolder:
    """The snapshots of one space. Blocking: to be called in threads."""

    def __init__(self, folder: Path, space: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", space):
            raise ValueError(f"{space!r} cannot be the name of a folder")
        self._folder = folder / space

    def draft(self) -> Path:
        """A new folder for ``Graph.save`` to write ``graph_in`` it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self._folder))

    @staticmethod
    def graph_in(snapshot: Path) -> Path:
        """Where the graph is in a snapshot."""
        return snapshot / _GRAPH

    def publish(self, draft: Path, about: About, tracks: TrackTable) -> Path:
        """Finish a draft: check that it loads, sync, rename; drop older snapshots. Raises ``ValueError`` when it does
        not load, ``OSError`` when the disk is full."""
        np.save(draft / _TRACKS, tracks)
        sums = {name: _checksum(draft / name) for name in (_GRAPH, _TRACKS)}
        (draft / _ABOUT).write_text(json.dumps({**asdict(about), "checksums": sums}))
        for name in (_GRAPH, _TRACKS, _ABOUT):
            sync(draft / name)
        _read(draft, about.space, about.dimensions)
        target = self._folder / positions.text(about.position)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
        sync(self._folder)
        self._prune()
        return target

    def newest(self, space: str, dimensions: int) -> tuple[About, Graph, TrackTable] | None:
        """The newest snapshot that is whole."""
        for snapshot in self._snapshots():
            try:
                return _read(snapshot, space, dimensions)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("snapshot_passed_over", path=str(snapshot), reason=str(error)[:200])
        return None

    def _snapshots(self) -> Iterator[Path]:
        """Newest first."""
        if not self._folder.is_dir():
            return
        named = [path for path in self._folder.iterdir() if re.fullmatch(r"\d+-\d+", path.name)]
        yield from sorted(named, key=lambda path: positions.pack(path.name), reverse=True)

    def _prune(self) -> None:
        for old in list(self._snapshots())[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        for draft in self._folder.glob(f"{_DRAFT}*"):
            if time.time() - draft.stat().st_mtime > _DRAFT_FORGOTTEN_S:
                shutil.rmtree(draft, ignore_errors=True)


def _read(snapshot: Path, space: str, dimensions: int) -> tuple[About, Graph, TrackTable]:
    """Read a snapshot. A damaged graph could bring down the process inside voyager, so its checksum comes first."""
    described = json.loads((snapshot / _ABOUT).read_text())
    sums = described.pop("checksums")
    about = About(**described)
    if (about.format, about.space, about.dimensions) != (FORMAT, space, dimensions):
        raise ValueError("it is of another format or space")
    for name in (_GRAPH, _TRACKS):
        if _checksum(snapshot / name) != sums[name]:
            raise ValueError(f"{name} is damaged")
    tracks: TrackTable = np.load(snapshot / _TRACKS, allow_pickle=False)
    if tracks.dtype != TRACKS:
        raise ValueError(f"{_TRACKS} holds something else")
    return about, Graph.load(snapshot / _GRAPH, dimensions, tracks["label"].tolist()), tracks


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
