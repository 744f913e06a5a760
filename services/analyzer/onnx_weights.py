"""Reads the weights out of an ONNX file, with nothing but numpy.

An ONNX file is one Protocol Buffers message. Only the path ``ModelProto.graph (7) -> GraphProto.initializer (5)`` is
followed, and of each ``TensorProto`` its dims (1), data_type (2), name (8) and raw_data (9). Field numbers are those
of the published ``onnx.proto``. Numbers are little-endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_FLOAT32 = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of one message; a varint comes as an int, everything else as its bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"unexpected wire type {kind}")
        if at + size > len(data):
            raise IndexError
        yield tag >> 3, data[at : at + size]
        at += size


def _dims(value: int | memoryview) -> Iterator[int]:
    """A repeated integer, written one by one or packed."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        dim, at = _varint(value, at)
        yield dim


def _tensor(data: memoryview) -> tuple[str, FloatArray] | None:
    shape: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for field, value in _fields(data):
        if field == 1:
            shape.extend(_dims(value))
        elif isinstance(value, int):
            kind = value if field == 2 else kind
        elif field == 8:
            name = bytes(value).decode()
        elif field == 9:
            raw = value
    if kind != _FLOAT32:
        return None
    return name, np.frombuffer(raw, "<f4").reshape(shape)


def read_weights(path: Path) -> dict[str, FloatArray]:
    """Every float32 initializer of the graph in ``path``, by name. Raises ``ValueError`` on a damaged file."""
    weights: dict[str, FloatArray] = {}
    try:
        for field, graph in _fields(memoryview(path.read_bytes())):
            if field != 7 or isinstance(graph, int):
                continue
            tensors = (_tensor(value) for number, value in _fields(graph) if number == 5 and not isinstance(value, int))
            weights.update(tensor for tensor in tensors if tensor)
    except IndexError as error:
        raise ValueError(f"{path.name} ends in the middle of a message") from error
    if not weights:
        raise ValueError(f"{path.name} holds no weights")
    return weights
