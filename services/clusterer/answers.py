"""What a child answers, apart from the modules that compute it: the parent need not load those."""

from __future__ import annotations

from dataclasses import dataclass

from services.clusterer.composition import Composition
from shared.events import Evaluation


@dataclass(frozen=True, slots=True)
class Composed:
    """``composition`` with the ``winner`` scored on the whole library, and how many tracks took part."""

    composition: Composition
    winner: Evaluation | None
    tracks: int
