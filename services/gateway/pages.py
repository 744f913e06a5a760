"""The page, its modules, and the viewer of the API description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

from aiohttp import web

from services.gateway.assets import Assets
from services.gateway.state import BASE

_HERE = Path(__file__).parent
WEB = _HERE / "web"
DOCS = _HERE / "docs"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


ASSETS: web.AppKey[Assets] = web.AppKey("assets", Assets)


def add_pages(app: web.Application, document: bytes) -> None:
    """Serve what is not an endpoint; ``document`` is the OpenAPI document as JSON."""
    base = app[BASE]
    app[ASSETS] = Assets(WEB, base)

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    async def docs(_: web.Request) -> web.FileResponse:
        return web.FileResponse(DOCS / "index.html")

    app.router.add_get(f"{base}/openapi.json", openapi)
    app.router.add_get(f"{base}/docs", docs)
    app.router.add_get(f"{base}/docs/{{path:.+}}", _files_below(DOCS / "static"))
    app.router.add_get(f"{base}/static/{{path:.+}}", _asset)


async def _asset(request: web.Request) -> web.StreamResponse:
    found = request.app[ASSETS].find(request.match_info["path"])
    if found is None:
        raise web.HTTPNotFound
    asset, caching = found
    return asset.answer(request, caching)


def _files_below(root: Path) -> Handler:
    """Serves the files of a folder, and nothing outside of it."""
    root = root.resolve()

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            path = (root / request.match_info["path"]).resolve()
            found = path.is_relative_to(root) and path.is_file()
        except (OSError, ValueError):
            found = False
        if not found:
            raise web.HTTPNotFound
        return web.FileResponse(path)

    return serve


@web.middleware
async def page_for_unknown(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Addresses of the page's own making (``/tracks/...``) are answered with the page, which knows what to show."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        if request.method in ("GET", "HEAD") and _may_be_page(request.path, request.app[BASE]):
            return request.app[ASSETS].page.answer(request)
        raise


def _may_be_page(path: str, base: str) -> bool:
    if path != base and not path.startswith(f"{base}/"):
        return False
    path = path.removeprefix(base)
    first = path.lstrip("/").partition("/")[0]
    return first not in ("api", "static", "docs") and not PurePosixPath(path).suffix
