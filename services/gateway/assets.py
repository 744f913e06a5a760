"""The files of the page, held in memory: a third of the bytes on the way, and none at all at the next visit.

Each file has its plain address (``/static/js/main.js``, asked for again every time) and one that changes with the
release (``/static/<version>/js/main.js``, kept by the browser for good), which is what the page itself names.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from aiohttp import ETag, web

FOR_GOOD: Final = "public, max-age=31536000, immutable"
STYLES: Final = "css/all.css"
_SHEET = re.compile(r'[ \t]*<link rel="stylesheet" href="/static/([^"]+)">\n')
_VERSION = re.compile(r"[0-9a-f]{16}")
_HARDLY_SMALLER = 0.9


@dataclass(frozen=True, slots=True)
class Asset:
    """A file; ``packed`` is it in gzip, or None where that saves nothing."""

    content_type: str
    body: bytes
    packed: bytes | None
    digest: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Self:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))
        packed = gzip.compress(body, 9, mtime=0) if text else body
        smaller = len(packed) < _HARDLY_SMALLER * len(body)
        digest = hashlib.sha256(body).hexdigest()[:16]
        return cls(f"{kind}; charset=utf-8" if text else kind, body, packed if smaller else None, digest)

    def answer(self, request: web.Request, caching: str | None = None) -> web.Response:
        """It, or 304 to a browser that has it."""
        packed = self.packed if "gzip" in request.headers.get("Accept-Encoding", "") else None
        headers = {"Vary": "Accept-Encoding"} | ({"Cache-Control": caching} if caching else {})
        if any(tag.value == self.digest for tag in request.if_none_match or ()):
            response = web.Response(status=304, headers=headers)
        else:
            headers |= {"Content-Type": self.content_type} | ({"Content-Encoding": "gzip"} if packed else {})
            response = web.Response(body=packed or self.body, headers=headers)
        response.etag = ETag(self.digest, is_weak=True)
        return response


class Assets:
    """``page`` is the page itself; every other file is found by its path below ``static``. ``base`` is what every
    address of ours begins with."""

    def __init__(self, web_root: Path, base: str = "") -> None:
        static = web_root / "static"
        self._files = {
            path.relative_to(static).as_posix(): Asset.of(path.name, path.read_bytes())
            for path in sorted(static.rglob("*"))
            if path.is_file()
        }
        page = (web_root / "index.html").read_text()
        # One sheet instead of a dozen: nothing is painted before the last of them has come.
        sheets = b"\n".join(self._files[name].body for name in _SHEET.findall(page))
        self._files[STYLES] = Asset.of(STYLES, sheets)
        everything = [page, *(f"{name} {asset.digest}" for name, asset in self._files.items())]
        self.version = hashlib.sha256("\n".join(everything).encode()).hexdigest()[:16]
        self.page = Asset.of("index.html", self._released(page, base).encode())

    def find(self, path: str) -> tuple[Asset, str | None] | None:
        """The file at ``/static/<path>`` and for how long it may be kept."""
        version, _, rest = path.partition("/")
        if _VERSION.fullmatch(version):
            # A page of an older release gets what there is now, but not to keep under that name.
            caching, path = (FOR_GOOD if version == self.version else "no-cache"), rest
        else:
            caching = None
        asset = self._files.get(path)
        return (asset, caching) if asset else None

    def _released(self, page: str, base: str) -> str:
        start = min((match.start() for match in _SHEET.finditer(page)), default=None)
        plain = _SHEET.sub("", page)
        if start is not None:
            plain = f'{plain[:start]}    <link rel="stylesheet" href="/static/{STYLES}">\n{plain[start:]}'
        plain = plain.replace('"/static/', f'"{base}/static/{self.version}/')
        return plain.replace("<head>", f'<head>\n    <meta name="base" content="{base}">', 1)
