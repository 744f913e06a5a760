"""What every answer says to a browser about itself."""

from __future__ import annotations

from aiohttp import web

from services.gateway.state import BASE

_POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# The viewer writes style attributes while it draws.
_DOCS_POLICY = _POLICY + "; style-src 'self' 'unsafe-inline'"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """To be called when a response is about to begin."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    path = request.path.removeprefix(request.app[BASE])
    response.headers.setdefault("Content-Security-Policy", _DOCS_POLICY if path.startswith("/docs") else _POLICY)
    response.headers.setdefault("Cache-Control", _caching(path))
    response.headers.popall("Server", None)


def _caching(path: str) -> str:
    if path.startswith("/api/"):
        return "no-store"
    if path.startswith(("/static/vendor/", "/docs/")):
        return "public, max-age=86400"
    # To be asked again each time; an ETag makes that cheap. Files under the name of a release say otherwise themselves.
    return "no-cache"
