"""``python -m tests.locks.audit PIP_AUDIT``: known vulnerabilities of everything that is locked.

Asks PyPI, so it is not part of ``make test``. A package that PyPI says nothing about counts as not audited, never as
sound: 0 is returned only when there was an answer about every one, and none was bad.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.locks import GPU, ROOT, TOGETHER, TOOLS


def main() -> int:
    """0 all sound, 1 something is vulnerable, 2 not everything could be audited."""
    results = []
    for name in (*TOGETHER, GPU, TOOLS):
        found = _audit(sys.argv[1], name)
        if isinstance(found, str):
            print(f"The vulnerability database could not be reached, so nothing is known: {found}", file=sys.stderr)
            print("Run make audit where https://pypi.org/pypi/<package>/json can be read.", file=sys.stderr)
            return 2
        results += [(name, package) for package in found]
    return judge(results)


def judge(results: list[tuple[str, dict[str, Any]]]) -> int:
    """Say what is wrong with the packages of each lock; the exit code."""
    unknown = [package["name"] for _, package in results if "skip_reason" in package]
    bad = [(lock, package, flaw) for lock, package in results for flaw in package.get("vulns", [])]
    for lock, package, flaw in bad:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"{lock}: {package['name']} {package['version']} has {flaw['id']}; fixed in {fixed}")
    if unknown:
        print(
            f"{len(unknown)} of {len(results)} packages could not be audited; the registry that was asked has no "
            f"vulnerabilities of them: {', '.join(unknown[:5])}{' ...' if len(unknown) > 5 else ''}",
            file=sys.stderr,
        )
    else:
        print(f"{len(results)} packages audited, {len(bad)} known vulnerabilities")
    return 1 if bad else 2 if unknown else 0


def _audit(program: str, lock: str) -> list[dict[str, Any]] | str:
    """What is known of each package, or why nothing is."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(
        [program, *options, "--requirement", str(ROOT / lock)], capture_output=True, text=True, check=False
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return done.stderr.strip().rpartition("\n")[2]
    return packages


if __name__ == "__main__":
    sys.exit(main())
