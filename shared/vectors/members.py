"""Which track and which library each label of a graph stands for, in little memory."""

from __future__ import annotations

from typing import Self
from uuid import UUID

import numpy as np
import numpy.typing as npt

from shared.vectors.graph import Labels
from shared.vectors.snapshots import TRACKS, TrackTable

_ID = 16


class Members:
    """Label to the 32 bytes of track and library, track to label, library to labels: about 300 bytes a vector, where
    two ``UUID`` objects alone would take more. Reading is safe beside one writer."""

    def __init__(self) -> None:
        self._ids: dict[int, bytes] = {}
        self._labels: dict[bytes, int] = {}
        self._servers: dict[bytes, set[int]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, label: int) -> bool:
        return label in self._ids

    def put(self, label: int, ids: bytes) -> None:
        """Add a label, or move it to another track."""
        if self._ids.get(label) == ids:
            return
        self.drop(label)
        self._ids[label] = ids
        self._labels[ids[:_ID]] = label
        self._servers.setdefault(ids[_ID:], set()).add(label)

    def drop(self, label: int) -> None:
        """Forget a label; no error if it is not there."""
        ids = self._ids.pop(label, None)
        if ids is None:
            return
        if self._labels.get(ids[:_ID]) == label:
            del self._labels[ids[:_ID]]
        self._servers[ids[_ID:]].discard(label)

    def ids(self, label: int) -> bytes | None:
        """The bytes of track and library."""
        return self._ids.get(label)

    def track(self, label: int) -> UUID | None:
        """The track a label stands for."""
        ids = self._ids.get(label)
        return None if ids is None else UUID(bytes=ids[:_ID])

    def label(self, track_id: UUID) -> int | None:
        """The label of a track."""
        return self._labels.get(track_id.bytes)

    def labels(self) -> list[int]:
        """All labels."""
        return list(self._ids)

    def labels_of(self, server: bytes) -> list[int]:
        """The labels of a library."""
        return list(self._servers.get(server, ()))

    def size_of(self, server: bytes) -> int:
        """How many vectors a library has."""
        return len(self._servers.get(server, ()))

    def mask(self, server: bytes, labels: Labels) -> npt.NDArray[np.bool_]:
        """Which of ``labels`` belong to a library."""
        inside = self._servers.get(server, set())
        return np.array([label in inside for label in labels.tolist()], np.bool_)

    def to_table(self) -> TrackTable:
        """As an array for a snapshot."""
        table: TrackTable = np.empty(len(self._ids), TRACKS)
        table["label"] = np.fromiter(self._ids.keys(), np.int64, len(self._ids))
        table["ids"] = np.frombuffer(b"".join(self._ids.values()), "V32")
        return table

    @classmethod
    def from_table(cls, table: TrackTable) -> Self:
        """The inverse of ``to_table``."""
        members = cls()
        for label, ids in zip(table["label"].tolist(), table["ids"].tolist(), strict=True):
            members.put(label, bytes(ids))
        return members
