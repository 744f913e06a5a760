"""The two MusiCNN networks, evaluated by onnxruntime on one processor that is named: on that one, or not at all.

onnxruntime would rather be slow than fail: a processor that is not there, or a layer that it cannot do, goes to the CPU
with a line in a log. Each way in which it does so is closed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from services.analyzer.embedding import DeviceFailed
from services.analyzer.musicnn import FRAMES, MELS
from shared.embedding import EMBEDDING_SIZE, TAG_COUNT

FloatArray = npt.NDArray[np.float32]

CPU: Final = "CPUExecutionProvider"
BATCH: Final = 16
"""Patches in one call: all of a track in the ``fast`` profile."""


class Sessions:
    """The networks in ``paths``, on ``provider`` (as onnxruntime calls it) with its ``options``.

    Every call has ``batch`` patches, the last ones filled up with silence. A GPU's libraries choose, load and reserve
    what they need by the shape that they see: all of that has happened once the first batch is done.

    Raises ``DeviceFailed``.
    """

    def __init__(
        self, paths: Sequence[Path], provider: str, options: Mapping[str, str] | None = None, batch: int = BATCH
    ) -> None:
        self._batch = batch
        self._sessions = [_session(path, provider, options or {}) for path in paths]

    def __call__(self, patches: Iterable[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Patches [187, 96] -> (embeddings of all networks joined [n, 400], tag probabilities [n, 100])."""
        embeddings, tags = [np.zeros((0, EMBEDDING_SIZE), np.float32)], [np.zeros((0, TAG_COUNT), np.float32)]
        for part in _batches(patches, self._batch):
            vectors, probabilities = self._run(part)
            embeddings.append(vectors)
            tags.append(probabilities)
        return np.concatenate(embeddings), np.concatenate(tags)

    def _run(self, part: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        mel = np.zeros((self._batch, FRAMES, MELS), np.float32)
        mel[: len(part)] = part
        try:
            outputs = [session.run(["embedding", "tags"], {"mel": mel}) for session in self._sessions]
        except Exception as error:  # onnxruntime's have no class in common
            raise DeviceFailed(_one_line(error)) from error
        embeddings, tags = zip(*outputs, strict=True)
        return np.concatenate(embeddings, axis=1)[: len(part)], np.concatenate(tags, axis=1)[: len(part)]


def _session(path: Path, provider: str, options: Mapping[str, str]) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    if provider != CPU:
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = onnxruntime.InferenceSession(path, settings, providers=[(provider, dict(options))], enable_fallback=0)
    except Exception as error:  # onnxruntime's have no class in common
        raise DeviceFailed(_one_line(error)) from error
    # Always last in the list, and without the option above it would be used.
    if session.get_providers()[0] != provider:
        raise DeviceFailed(f"it was replaced by {session.get_providers()[0]}")
    return session


def _batches(patches: Iterable[FloatArray], size: int) -> Iterator[list[FloatArray]]:
    rest = iter(patches)
    while part := list(islice(rest, size)):
        yield part


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
