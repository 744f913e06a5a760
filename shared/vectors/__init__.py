"""Nearest neighbours: the only package that imports ``voyager``."""

from __future__ import annotations

from shared.vectors.index import Neighbour, VectorIndex

__all__ = ["Neighbour", "VectorIndex"]
