"""Everything that ``make bench`` measures, one after the other, each against a baseline in the same run.

usage: python -m tests.benchmarks [--quick] [--music FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys

QUICK: dict[str, list[str]] = {
    "bench_analysis": ["--quick"],
    "bench_streams": ["--quick"],
    "bench_projector": ["2000"],
    "bench_similar": ["5000"],
    "bench_gateway": ["--quick"],
    "bench_clustering": ["--quick"],
}


def main() -> int:
    """Each benchmark in a process of its own, so that none inherits the memory or the threads of another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few minutes in all, for a look")
    parser.add_argument("--music", help="a folder of real music for the analysis")
    options = parser.parse_args()
    worst = 0
    for name, quick in QUICK.items():
        arguments = list(quick) if options.quick else []
        if name == "bench_analysis" and options.music:
            arguments = [options.music, *arguments]
        if name == "bench_clustering" and options.music:
            arguments = ["--music", options.music, *arguments]
        print(f"\n=== {name} {' '.join(arguments)}", flush=True)
        worst = max(worst, subprocess.call([sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]))
    return worst


if __name__ == "__main__":
    sys.exit(main())
