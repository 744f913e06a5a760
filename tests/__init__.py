"""Tests of every level. Each process computes with one thread: several run side by side, and a second thread of linear
algebra per process only waits for a core, busily, at the cost of all others."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
