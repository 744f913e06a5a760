"""The exceptions of Starling, one tree.

    StarlingError
    ├── Transient                 try the command again later, with backoff
    │   ├── ServerUnavailable     a media server is down, slow, or answers 5xx
    │   ├── RateLimited           429; carries ``retry_after_s``
    │   ├── StoreUnavailable      Redis or PostgreSQL does not answer
    │   ├── ProviderUnavailable   the OpenID provider is down, slow, or makes no sense
    │   ├── Backpressure          a budget is used up; waiting does not count as an attempt
    │   └── ChildCrashed          the decoding child died; three such deaths are the end
    ├── Permanent                 will not get better by itself; becomes an event with ``reason``
    │   ├── BadAudio              a file that cannot be analysed
    │   ├── ServerRefused         the media server understood and said no (login, rights, id)
    │   ├── ServerMisbehaved      the media server's answer makes no sense
    │   └── LibraryUnusable       the library itself is missing or cannot be read
    ├── Conflict                  somebody else decided first (HTTP 409)
    ├── NotFound                  (HTTP 404)
    ├── InvalidInput              names the field and what to do (HTTP 422)
    └── ConfigurationError        start-up refuses, the message says what to set

Foreign exceptions are translated at the edge, with ``raise ... from``.
"""

from __future__ import annotations

from typing import ClassVar


class StarlingError(Exception):
    """Anything Starling raises on purpose. ``str()`` of it is fit for a user's eyes: never a secret in it."""


class Transient(StarlingError):
    """Worth another try. ``reason`` is a short code that ends up in the API when the tries are used up."""

    reason: ClassVar[str] = "temporary_problem"
    max_attempts: ClassVar[int] = 6
    counts: ClassVar[bool] = True

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class ServerUnavailable(Transient):
    reason = "server_unavailable"


class RateLimited(Transient):
    reason = "rate_limited"


class StoreUnavailable(Transient):
    reason = "store_unavailable"


class ProviderUnavailable(Transient):
    reason = "provider_unavailable"


class Backpressure(Transient):
    reason = "waiting_for_room"
    counts = False


class ChildCrashed(Transient):
    reason = "decoder_crashed"
    max_attempts = 3


class Permanent(StarlingError):
    """Trying again changes nothing. ``reason`` is a stable code, ``detail`` a sentence for the user."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    @property
    def of_the_content(self) -> bool:
        """True when only another file would help; then nobody looks again until the file changes."""
        return False


class BadAudio(Permanent):
    """Reasons: empty_file, not_audio, corrupt, unsupported, too_short, too_long, memory_limit, time_limit,
    too_large, no_permission, file_missing, outside_root, decoder_crashed."""

    @property
    def of_the_content(self) -> bool:
        return self.reason not in ("no_permission", "file_missing", "outside_root")


class ServerRefused(Permanent):
    """Reasons: wrong_password, forbidden, not_found, refused, bad_address."""


class ServerMisbehaved(Permanent):
    """Reasons: not_json, not_subsonic, incomplete_answer, wrong_type."""


class LibraryUnusable(Permanent):
    """Reasons: folder_missing, not_a_folder, no_permission, library_empty."""


class Conflict(StarlingError):
    """A decision rested on something that has changed since."""


class NotFound(StarlingError):
    """The thing asked for does not exist."""


class InvalidInput(StarlingError):
    """A value cannot be used. ``field`` names it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class ConfigurationError(StarlingError):
    """The environment is not usable; the message says what to change."""
