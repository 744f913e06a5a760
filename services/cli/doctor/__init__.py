"""``doctor``: every check one by one, with what to do about what is wrong."""

from __future__ import annotations

from dataclasses import asdict

from services.cli.doctor import machine, running, stores
from services.cli.doctor.finding import Check, Finding, Patient, note, problem
from services.cli.output import note as say_aside
from services.cli.output import say, say_json
from services.cli.perform import OK, PROBLEM
from services.cli.session import Session
from services.cli.wording import clean, count
from shared.errors import ConfigurationError

CHECKS = (
    Check("python", machine.python),
    Check("data directory", machine.data_dir),
    Check("disk space", machine.disk),
    Check("decoders", machine.decoders),
    Check("models", machine.models),
    Check("redis", stores.redis),
    Check("postgresql", stores.postgresql),
    Check("clock", stores.clock, ("redis", "postgres")),
    Check("read models", stores.read_models, ("postgres",)),
    Check("followers", stores.followers, ("redis", "postgres")),
    Check("consumer groups", stores.groups, ("redis",)),
    Check("dead letters", stores.dead_letters, ("redis",)),
    Check("services", running.services),
    Check("gateway", running.gateway),
    Check("index", running.index, ("postgres",)),
)
DEEP = Check("rebuild", running.rebuild, ("postgres",))
_STYLES = {"ok": "green", "note": "yellow", "problem": "red"}


async def examine(session: Session, *, deep: bool, as_json: bool) -> int:
    """Run every check. 1 when one of them found a problem."""
    try:
        settings = session.settings()
    except ConfigurationError as error:
        # Nothing runs and nothing is configured: this machine can be looked at all the same.
        settings = session.own_settings()
        say_aside(str(error))
    patient = Patient(session, settings)
    findings: list[tuple[str, Finding]] = []
    try:
        for check in (*CHECKS, *([DEEP] if deep else [])):
            finding = await look(check, patient)
            findings.append((check.name, finding))
            if not as_json:
                _say(check.name, finding)
    finally:
        await patient.release()
    wrong = sum(finding.state == "problem" for _, finding in findings)
    if as_json:
        say_json([{"check": name, **asdict(finding)} for name, finding in findings])
    else:
        say(f"{count(wrong, 'problem')}." if wrong else "All is well.")
    return PROBLEM if wrong else OK


async def look(check: Check, patient: Patient) -> Finding:
    """One check; a bug in it is a finding too, since the rest should still be seen."""
    missing = [name for name in check.needs if not patient.has(name)]
    if missing:
        return note(f"not looked at, since {' and '.join(missing)} cannot be reached")
    try:
        return await check.look(patient)
    except Exception as error:
        if patient.session.debug:
            raise
        return problem(f"the check broke off ({type(error).__name__}: {error})", "run it again with --debug")


def _say(name: str, finding: Finding) -> None:
    say(f"{finding.state:<8} {name}: {clean(finding.text)}", style=_STYLES[finding.state])
    if finding.advice:
        say(f"{'':<8} -> {clean(finding.advice)}")
