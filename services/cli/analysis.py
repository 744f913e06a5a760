"""``analyze``, ``reprocess``, ``runs``, ``pause``, ``resume``, ``cancel``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from uuid import UUID

from services.cli import answers
from services.cli.answers import Run, Scope, Server
from services.cli.client import Api, ApiError
from services.cli.output import note, pairs, say, say_json, table
from services.cli.perform import OK, PROBLEM
from services.cli.progress import ENDED, follow_run, shown
from services.cli.session import Session
from services.cli.wording import clean, count, duration, in_words, local_time, progress_line, rate, summary
from shared.errors import InvalidInput

_PREFIX_AMONG = 100
_SCOPES: dict[str, Scope] = {"failed": "failed", "model": "needed", "all": "all"}
_DONE_AGAIN = {
    "fetcher": "'starling analyze' lists the libraries again",
    "clusterer": "'starling cluster' groups the library again",
    "syncer": "'starling sync' writes the playlists again",
    "projector": "'starling replay' builds the read models again",
}


async def analyze(
    session: Session, target: str | None, *, profile: str | None, force: bool, wait: bool, as_json: bool
) -> int:
    """Start a run over one library, or all of them, and watch it."""
    async with session.api() as api:
        server_id = None
        if target is not None:
            server = await find_server(api, target) or await _add_folder(api, target)
            server_id = server["id"]
        return await _start(api, server_id, profile, "all" if force else "needed", wait, as_json)


async def reprocess(
    session: Session, server: str | None, *, scope: Scope, profile: str | None, wait: bool, as_json: bool
) -> int:
    """Start a run over what failed, what is out of date, or everything."""
    async with session.api() as api:
        server_id = None
        if server is not None:
            found = await find_server(api, server)
            if found is None:
                raise await _unknown(api, server)
            server_id = found["id"]
        return await _start(api, server_id, profile, scope, wait, as_json)


def choose_scope(service: str, where: str | None) -> Scope:
    """What to ask for. Raises ``InvalidInput`` for a service whose work is done again in another way, or not at all."""
    if service != "analyzer":
        other = _DONE_AGAIN.get(service, "name the analyzer, or nothing")
        raise InvalidInput("service", f"only the analyzer works through tracks again; for {service}: {other}")
    if where is None:
        raise InvalidInput("where", "say which tracks: --where failed, --where model or --where all")
    return _SCOPES[where]


async def find_server(api: Api, target: str) -> Server | None:
    """The connected library that ``target`` means: its id, name, address or folder. Raises ``InvalidInput`` if it can
    mean several."""
    servers = await api.servers()
    path = folder_at(api, target)
    exact = [s for s in servers if s["id"] == target or (s["path"] is not None and s["path"] == path)]
    exact = exact or [s for s in servers if s["url"] and s["url"].rstrip("/") == target.rstrip("/")]
    # "./music" is a folder, whatever libraries are named; "music" may be either, and a library comes first.
    by_name = [] if path and os.sep in target else [s for s in servers if s["name"].casefold() == target.casefold()]
    found = exact or by_name
    if len(found) > 1:
        lines = ", ".join(f"{s['id']} ({s['name']}, {s['path'] or s['url']})" for s in found)
        raise InvalidInput("server", f"{target} can mean several libraries; name one by its id: {lines}")
    return found[0] if found else None


def folder_at(api: Api, target: str) -> str | None:
    """The folder that ``target`` names on the machine of ``api``, None if it cannot be one."""
    if api.is_local:
        path = Path(target).expanduser().resolve()
        return str(path) if path.is_dir() else None
    # Only the other machine can tell whether it exists.
    return target.rstrip("/") or "/" if target.startswith("/") else None


async def _add_folder(api: Api, target: str) -> Server:
    folder = folder_at(api, target)
    if folder is None:
        raise await _unknown(api, target)
    try:
        added = await api.add_folder(Path(folder).name or folder, folder)
    except ApiError as error:
        known = [server for server in await api.servers() if server["id"] == error.document.get("server_id")]
        if not known:
            raise
        return known[0]
    note(f"Connected {folder} as a library.")
    return added


async def _unknown(api: Api, target: str) -> InvalidInput:
    names = ", ".join(server["name"] for server in await api.servers())
    if "://" in target:
        reason = f"{target} is not connected; connect it at {api.url}, where its login can be given"
        return InvalidInput("server", reason)
    missing = f"there is no folder {target}" if os.sep in target else f"there is no library or folder named {target}"
    return InvalidInput("server", f"{missing}; connected libraries: {names or 'none'}")


async def _start(api: Api, server_id: str | None, profile: str | None, scope: Scope, wait: bool, as_json: bool) -> int:
    position = None
    try:
        accepted = await api.start_analysis(server_id=server_id, profile=profile, scope=scope)
        run_id, position = accepted["run_id"], accepted["position"]
    except ApiError as error:
        run_id = error.document.get("run_id", "")
        if error.status != 409 or not run_id:
            raise
        note(f"{error} It is run {run_id}, which goes on as it was asked for.")
    else:
        note(f"Run {run_id} is under way.")
    if not wait:
        return _leave(run_id, as_json)
    return await watch(api, run_id, as_json=as_json, after=position)


def _leave(run_id: str, as_json: bool) -> int:
    if as_json:
        say_json({"run_id": run_id})
    else:
        say(f"'starling runs {run_id}' shows how far it is.")
    return OK


async def watch_run(session: Session, run: str, *, as_json: bool) -> int:
    """Watch a run that somebody else started, or that was left."""
    async with session.api() as api:
        return await watch(api, await find_run(api, run), as_json=as_json)


async def watch(api: Api, run_id: str, *, as_json: bool, after: str | None = None) -> int:
    """Show a run until it ends, then say how. Ctrl-C leaves the run alone."""
    try:
        with shown("Analysing", stderr=as_json) as display:
            run = await follow_run(api, run_id, display, after=after)
    except asyncio.CancelledError:
        note(f"The run goes on. 'starling runs {run_id} --watch' comes back to it, 'starling cancel {run_id}' ends it.")
        raise
    if as_json:
        say_json(run)
    else:
        say(summary(run), style=None if run["state"] == "completed" else "red")
        await _say_troubles(api, run)
    scan_failed = any(scan["state"] == "failed" for scan in run["scans"])
    return OK if run["state"] == "completed" and not scan_failed else PROBLEM


async def _say_troubles(api: Api, run: Run) -> None:
    """Libraries that could not be listed, and tracks that failed, with one example each."""
    broken = [scan for scan in run["scans"] if scan["state"] == "failed" and scan["reason"] != "cancelled"]
    names = {server["id"]: server["name"] for server in await api.servers()} if broken else {}
    for scan in broken:
        name, reason = names.get(scan["server_id"], scan["server_id"]), in_words(scan["reason"] or "unknown")
        say(f"  {clean(name)} could not be listed ({reason}): {clean(scan['detail'] or '')}")
    for group in run["failures"]:
        example = clean(group["example_title"] or group["example_track_id"])
        detail = f" - {clean(group['example_detail'])}" if group["example_detail"] else ""
        say(f"  {group['count']:,} failed ({in_words(group['reason'])}), e.g. {example}{detail}")


async def list_runs(session: Session, most: int, *, as_json: bool) -> int:
    """Runs, newest first."""
    async with session.api() as api:
        runs = (await api.runs(min(most, 200)))["items"]
    if as_json:
        say_json(runs)
    elif not runs:
        say("There has been no run yet; 'starling analyze FOLDER' starts one.")
    else:
        rows = [
            (run["id"], local_time(run["requested_at"]), run["state"], run["profile"], run["scope"], progress_line(run))
            for run in runs
        ]
        table(("run", "asked for", "state", "profile", "scope", "tracks"), rows)
    return OK


async def show_run(session: Session, run: str, *, as_json: bool) -> int:
    """All figures of one run."""
    async with session.api() as api:
        found = await api.run(await find_run(api, run))
        if as_json:
            say_json(found)
            return OK
        pairs(details(found))
        await _say_troubles(api, found)
    return OK


def details(run: Run) -> list[tuple[str, str]]:
    """A run as names and values."""
    totals = run["totals"]
    skips = ", ".join(f"{group['count']:,} {in_words(group['reason'])}" for group in run["skips"])
    stages = ", ".join(f"{name} {duration(seconds)}" for name, seconds in run["stages_s"].items() if seconds >= 0.5)
    left = duration(run["eta_s"]) if run["eta_s"] is not None and run["state"] == "running" else ""
    factor = run["realtime_factor"]
    rows = [
        ("run", run["id"]),
        ("state", run["state"]),
        ("what", f"{run['profile']} profile, scope {run['scope']}, {count(len(run['server_ids']), 'library')}"),
        ("asked for", local_time(run["requested_at"])),
        ("ended", local_time(run["ended_at"])),
        ("discovered", f"{totals['discovered']:,}" + ("" if run["listing_done"] else " so far")),
        ("analysed", f"{totals['analysed']:,}"),
        ("skipped", f"{totals['skipped']:,}" + (f" ({skips})" if skips else "")),
        ("failed", f"{totals['failed']:,}"),
        ("remaining", f"{totals['remaining']:,}"),
        ("speed", rate(run["tracks_per_minute"]) + (f", {factor:,.0f} times real time" if factor else "")),
        ("time left", left),
        ("music", duration(run["audio_s"]) if run["audio_s"] else ""),
        ("work", stages),
    ]
    return [(name, value) for name, value in rows if value]


async def command_run(session: Session, run: str, verb: str) -> int:
    """Cancel, pause or resume a run, and say what it is then."""
    async with session.api() as api:
        run_id = await find_run(api, run)
        accepted = await api.command_run(run_id, verb)
        try:
            state: str = (await api.run(run_id, after=accepted["position"]))["state"]
        except ApiError as error:
            # It was written down, which is what counts; what can be read lags behind.
            if error.reason != "not_there_yet":
                raise
            state = "not known yet"
    words = {"pause": "is paused", "resume": "goes on", "cancel": "is being cancelled"}
    say(f"Run {run_id} {f'is {state}' if state in ENDED else words[verb]}.")
    return OK


async def find_run(api: Api, text: str) -> str:
    """The id of the run that ``text`` means: an id, the beginning of one, or ``last``. Raises ``InvalidInput``."""
    try:
        return str(UUID(text))
    except ValueError:
        pass
    recent: list[answers.Run] = (await api.runs(1 if text == "last" else _PREFIX_AMONG))["items"]
    found = [run["id"] for run in recent if text == "last" or run["id"].startswith(text.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput("run", f"several runs begin with {text}; 'starling runs' lists them")
    raise InvalidInput("run", f"there is no run {text}; 'starling runs' lists them")
