"""SELECT on the sums of tag probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shared.embedding import TAG_COUNT, FloatArray

if TYPE_CHECKING:
    from shared.postgres import Connection


async def read(connection: Connection) -> tuple[int, FloatArray, FloatArray]:
    """Number of analysed tracks, and mean [100] and standard deviation [100] of each tag's probability."""
    rows = await connection.fetch("SELECT tag, n, total, squares FROM tag_stats")
    mean, deviation = np.zeros(TAG_COUNT), np.ones(TAG_COUNT)
    n = 0
    for row in rows:
        if row["n"] > 0 and 0 <= row["tag"] < TAG_COUNT:
            n = max(n, int(row["n"]))
            average = row["total"] / row["n"]
            mean[row["tag"]] = average
            deviation[row["tag"]] = max(row["squares"] / row["n"] - average**2, 0.0) ** 0.5
    return n, mean.astype(np.float32), deviation.astype(np.float32)
