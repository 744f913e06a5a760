"""``replay``: build the read models anew from the archive."""

from __future__ import annotations

from services.cli.output import say
from services.cli.perform import OK
from services.cli.progress import Pace, shown
from services.cli.session import Session
from services.cli.wording import count, duration
from shared import positions


async def rebuild_read_models(session: Session) -> int:
    """Rebuild beside the live read models and swap. Users keep reading the old ones meanwhile."""
    from services.projector.rebuild import rebuild

    settings = session.settings()
    with shown("Rebuilding") as display:
        pace = Pace("events")
        result = await rebuild(settings, lambda done, total: pace.show(display, done, total))
    speed = f", {result.events / result.seconds:,.0f} a second" if result.events and result.seconds else ""
    say(
        f"Rebuilt the read models from {count(result.events, 'event')} in {duration(result.seconds)}{speed}; "
        f"they stand at {positions.text(result.position)}."
    )
    return OK
