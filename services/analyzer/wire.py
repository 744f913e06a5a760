"""What pool and child say to each other: a JSON object and raw bytes, each behind its length (unsigned, 4 bytes)."""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import fields
from typing import Any, BinaryIO, Final

import numpy as np

from services.analyzer.analysis import Analysis
from shared.embedding import EMBEDDING_SIZE, TAG_COUNT

_LENGTHS: Final = struct.Struct("<II")
_LIMIT: Final = 1 << 20
"""Bytes of either part at most: a child gone wild cannot fill its parent's memory."""
_SCALARS: Final = tuple(item.name for item in fields(Analysis) if item.name not in ("embedding", "tags"))


def encode(message: dict[str, Any], blob: bytes = b"") -> bytes:
    text = json.dumps(message).encode()
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


def read_blocking(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message without its bytes, or None at the end of the stream."""
    head = stream.read(_LENGTHS.size)
    if len(head) < _LENGTHS.size:
        return None
    text, blob = _LENGTHS.unpack(head)
    message: dict[str, Any] = json.loads(stream.read(text))
    stream.read(blob)
    return message


async def read(stream: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """The next message. Raises ``asyncio.IncompleteReadError`` at the end, ``ValueError`` on nonsense."""
    text, blob = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    if text > _LIMIT or blob > _LIMIT:
        raise ValueError("a message of the child is too long")
    message = json.loads(await stream.readexactly(text))
    if not isinstance(message, dict):
        raise TypeError("a message of the child is no object")
    return message, await stream.readexactly(blob)


def encode_analysis(analysis: Analysis) -> bytes:
    blob = np.concatenate([analysis.embedding, analysis.tags]).astype("<f4").tobytes()
    return encode({"analysis": {name: getattr(analysis, name) for name in _SCALARS}}, blob)


def decode_analysis(scalars: dict[str, Any], blob: bytes) -> Analysis:
    """Raises ``ValueError`` or ``TypeError`` when the parts do not fit."""
    vectors = np.frombuffer(blob, "<f4").astype(np.float32)
    if len(vectors) != EMBEDDING_SIZE + TAG_COUNT:
        raise ValueError("the child's vectors have the wrong length")
    return Analysis(**scalars, embedding=vectors[:EMBEDDING_SIZE], tags=vectors[EMBEDDING_SIZE:])
