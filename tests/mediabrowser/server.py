"""A Jellyfin or Emby of our own: it keeps state, asks for a login, pages, and has the quirks of the real ones.

``async with TestServer(JELLYFIN_11) as server``: speak to ``server.url`` as ``USER`` with ``PASSWORD`` or with
``API_KEY``. ``server.orders`` breaks calls, ``server.calls`` is what was asked so far. With ``STARLING_SPECS`` set,
what passes is checked against Jellyfin's own description; ``finish()`` raises on what was off, also on a token in an
address or too many ids in a call.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache

from aiohttp import web

from tests.breaking import LocalServer, whole_or_part
from tests.mediabrowser.faults import Fault, Order
from tests.mediabrowser.playlists import Playlists
from tests.mediabrowser.records import SERVER_ID, Flavour, Json, Person, Refused, Track, make_id
from tests.specs import Exchange, Validator, exchange_of

USER = "Alice"
PASSWORD = 'open "sésame"'
API_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
ADMINISTRATOR = "root"
MAX_IDS = 100
UNDESCRIBED = {400, 401, 403, 404, 416}
"""Refusals that the description leaves out, at least of some calls."""
SHOWN_TO_SPEC = 3
"""Items of a long answer that are checked: they are all made alike."""

_seen: set[tuple[str, ...]] = set()
"""What was checked already and was right, but for ids and numbers; a check takes longer than the call itself."""
_VARIES = re.compile(r"[0-9a-f]{32}|\d+")
_PAIR = re.compile(r'(\w+)="([^"]*)"')
Route = Callable[["Call"], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass(slots=True)
class Call:
    """One request: ``query`` in small letters, ``caller`` the id of the user (None with an API key)."""

    request: web.Request
    path: str
    query: dict[str, str]
    parts: tuple[str, ...] = ()
    caller: str | None = None
    body: Json = field(default_factory=dict)

    def ids(self, name: str) -> list[str]:
        return [one for one in self.query.get(name, "").split(",") if one]

    def number(self, name: str, otherwise: int) -> int:
        return int(self.query.get(name, otherwise))


@dataclass(slots=True)
class TestServer(LocalServer):
    """See the module. ``tracks`` may be changed at any time; their order is that of their addition."""

    __test__ = False
    flavour: Flavour
    tracks: list[Track] = field(default_factory=list)
    starting: bool = False
    largest_page: int = 10_000
    single_objects: bool = False
    total_is: Callable[[int], int | None] | None = None
    delay_s: float = 0.0
    orders: list[Order] = field(default_factory=list)
    calls: list[web.Request] = field(default_factory=list)
    before: Callable[[Call], None] | None = None
    problems: list[str] = field(default_factory=list)
    logins_to_refuse: int = 0
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    views: list[tuple[str, str, str | None]] = field(default_factory=list)
    playlists: Playlists = field(init=False)
    spec: Validator = field(init=False)
    _indexed: list[Track] | None = None
    _by_id: dict[str, Track] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = self.flavour.kind
        self.people = [
            Person(make_id(kind, "a child"), "Child", "123"),
            Person(make_id(kind, "nobody"), "Former", "x", administrator=True, disabled=True),
            Person(make_id(kind, USER), USER, PASSWORD),
            Person(make_id(kind, ADMINISTRATOR), ADMINISTRATOR, "admin", administrator=True),
        ]
        self.views = [
            (make_id(kind, "Music"), "Music", "music"),
            (make_id(kind, "Films"), "Films", "movies"),
            (make_id(kind, "Live"), "Live recordings", "music"),
            (make_id(kind, "Playlists"), "Playlists", "playlists"),
        ]
        self.playlists = Playlists(self)
        described = _description(self.flavour.spec)
        self.spec = Validator(described.name, described.api)

    @property
    def listener(self) -> Person:
        """The user of the tests."""
        return self.people[2]

    def break_call(self, number: int, fault: Fault) -> None:
        """Break the ``number``-th request from now, and only that one; 0 breaks nothing any more."""
        self.orders = [Order(number, fault)] if number else []

    def revoke(self) -> None:
        """All logins end, and the next one is refused."""
        self.tokens.clear()
        self.logins_to_refuse = 1

    def finish(self) -> None:
        """Raises ``AssertionError`` on what was off in any request."""
        assert self.problems == []
        self.spec.finish()

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request)
        body = await request.read()
        for order in [order for order in self.orders if order.due()]:
            return await order.fault(request, lambda: self._obey(request, body))
        await asyncio.sleep(self.delay_s)
        return await self._obey(request, body)

    async def _obey(self, request: web.Request, body: bytes) -> web.StreamResponse:
        try:
            response = await self._route(request, body)
        except Refused as refusal:
            response = refusal.response
        if isinstance(response, web.Response) and response.status not in UNDESCRIBED:
            self._check(exchange_of(request, body, response))
        return response

    async def _route(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if self.starting:
            page = "<html><body>Jellyfin is starting</body></html>"
            return web.Response(status=503, text=page, content_type="text/html", headers={"Retry-After": "7"})
        base = self.prefix + ("/emby/" if self.flavour.emby else "/")
        if not request.path.startswith(base):
            return web.Response(status=404, text="<html>nothing here</html>", content_type="text/html")
        self._watch(request)
        query = {name.lower(): value for name, value in request.query.items()}
        call = Call(request, request.path.removeprefix(base), query, body=json.loads(body) if body else {})
        for method, pattern, route, open_to_all in self._routes():
            found = re.fullmatch(pattern, call.path, re.IGNORECASE) if method == request.method else None
            if found:
                call.parts = found.groups()
                if not open_to_all:
                    call.caller = self._caller(request)
                if self.before is not None:
                    self.before(call)
                answer = route(call)
                return answer if isinstance(answer, web.StreamResponse) else await answer
        raise Refused(404)

    def _watch(self, request: web.Request) -> None:
        """Notes what a good client does not do."""
        secrets_known = [PASSWORD, API_KEY, *self.tokens]
        if any(secret in text for secret in secrets_known for text in request.query.values()):
            self.problems.append(f"a secret in the address of {request.method} {request.path}")
        for name, value in request.query.items():
            if name.lower() in {"ids", "entryids"} and value.count(",") >= MAX_IDS:
                self.problems.append(f"{value.count(',') + 1} ids in one call of {request.path}")
        if len(request.raw_path) > 8000:
            self.problems.append(f"an address of {len(request.raw_path)} letters for {request.path}")

    def _check(self, exchange: Exchange) -> None:
        """Lists in the query are written with commas, as the description's words say, while its schema repeats the
        parameter; long answers are checked in part."""
        path, answer = exchange.path, exchange.answer
        if self.flavour.emby or path.endswith("/Download") or "/stream" in path:
            return
        lists = {"ids", "entryIds", "fields", "sortBy", "filters", "includeItemTypes"}
        query = [
            (name, one)
            for name, value in exchange.query
            for one in (value.split(",") if name in lists and value else [value])
        ]
        if len(answer) > 2_000:
            shown = json.loads(answer)
            answer = json.dumps({**shown, "Items": shown["Items"][:SHOWN_TO_SPEC]}).encode()
        named = str((self.flavour.spec, exchange.method, path, query, exchange.status)), exchange.body, answer
        kind = tuple(_VARIES.sub("0", part if isinstance(part, str) else part.decode()) for part in named)
        if kind in _seen:
            return
        path, headers, answered = path.removeprefix(self.prefix), exchange.headers, exchange.answer_headers
        wrong = len(self.spec.problems)
        self.spec.check(
            Exchange(exchange.method, path, query, headers, exchange.body, exchange.status, answered, answer)
        )
        if len(self.spec.problems) == wrong:
            _seen.add(kind)

    def _caller(self, request: web.Request) -> str | None:
        """Whose token it is. Jellyfin 12 has left the old header behind."""
        given = dict(_PAIR.findall(request.headers.get("Authorization", "")))
        token = request.headers.get("X-Emby-Token") if self.flavour.emby else given.get("Token")
        if token == API_KEY:
            return None
        if token not in self.tokens:
            raise Refused(401, "Access token is invalid or expired." if self.flavour.emby else "")
        return self.tokens[token][0]

    def _routes(self) -> list[tuple[str, str, Route, bool]]:
        """(method, path, what answers, open to all); the first that fits is taken."""
        user = r"Users/([^/]+)/" if self.flavour.emby else ""
        views = r"Users/([^/]+)/Views" if self.flavour.emby else "UserViews"
        words: list[tuple[str, str, Route, bool]] = (
            [("GET", r"Items/([^/]+)/([^/]+)/Subtitles/(\d+)/Stream\.js", self._subtitles, False)]
            if self.flavour.emby
            else [("GET", r"Audio/([^/]+)/Lyrics", self._lyrics, False)]
        )
        return [
            ("GET", "System/Info/Public", self._info, True),
            ("POST", "Users/AuthenticateByName", self._authenticate, True),
            ("POST", "Sessions/Logout", self._logout, False),
            ("GET", "Users/Query" if self.flavour.emby else "Users", self._people, False),
            ("GET", views, self._views, False),
            ("GET", rf"{user}Items", self._items, False),
            ("GET", rf"{user}Items/([^/]+)", self._item, False),
            ("GET", r"Items/([^/]+)/Download", self._download, False),
            ("GET", r"Audio/([^/]+)/stream", self._stream, False),
            *words,
            *self.playlists.routes(),
        ]

    def _info(self, _: Call) -> web.Response:
        info = {"ServerName": "test", "Version": self.flavour.version, "Id": SERVER_ID}
        return web.json_response(info if self.flavour.emby else {**info, "ProductName": "Jellyfin Server"})

    def _authenticate(self, call: Call) -> web.Response:
        header = "X-Emby-Authorization" if self.flavour.emby else "Authorization"
        given = dict(_PAIR.findall(call.request.headers.get(header, "")))
        if not {"Client", "Device", "DeviceId", "Version"} <= given.keys():
            raise Refused(400, "Error processing request.")
        for person in self.people:
            named = person.name.casefold() == str(call.body.get("Username")).casefold() and not person.disabled
            if named and person.password == call.body.get("Pw") and not self.logins_to_refuse:
                return self._enter(person, given["DeviceId"])
        self.logins_to_refuse = max(0, self.logins_to_refuse - 1)
        raise Refused(401, "Invalid username or password entered.")

    def _enter(self, person: Person, device: str) -> web.Response:
        """A new token; an older one of the same user and device ends."""
        self.tokens = {token: owner for token, owner in self.tokens.items() if owner != (person.id, device)}
        token = secrets.token_hex(16)
        self.tokens[token] = (person.id, device)
        return web.json_response({"User": person.listed(), "AccessToken": token, "ServerId": SERVER_ID})

    def _logout(self, call: Call) -> web.Response:
        self.tokens = {token: owner for token, owner in self.tokens.items() if owner[0] != call.caller}
        return web.Response(status=204)

    def _people(self, call: Call) -> web.Response:
        if call.caller is not None:
            raise Refused(403)
        people = [person.listed() for person in self.people]
        return web.json_response({"Items": people, "TotalRecordCount": len(people)} if self.flavour.emby else people)

    def user_of(self, call: Call, named: str | None) -> str:
        """The user that a call is about: only a key may speak for others."""
        user = named or call.query.get("userid") or call.caller
        if user is None:
            raise Refused(400, "Error processing request.")
        if call.caller is not None and user != call.caller:
            raise Refused(403)
        if user not in {person.id for person in self.people}:
            raise Refused(404)
        return user

    def _views(self, call: Call) -> web.Response:
        self.user_of(call, call.parts[0] if self.flavour.emby else None)
        found = [
            {"Name": name, "Id": view, "CollectionType": kind, "Type": "CollectionFolder", "ServerId": SERVER_ID}
            for view, name, kind in self.views
        ]
        return self.listing(call, found)

    def _items(self, call: Call) -> web.Response:
        """``Name`` is ignored, and so is a parent that does not exist."""
        user = self.user_of(call, call.parts[0] if self.flavour.emby else None)
        if call.query.get("includeitemtypes") == "Playlist":
            return self.listing(call, self.playlists.listed(user))
        parent = call.query.get("parentid")
        known = parent in {view for view, _, _ in self.views}
        chosen = [track for track in self.tracks if not known or track.library == parent]
        if wanted := call.ids("ids"):
            chosen = [track for track in chosen if track.id in wanted]
        for wish in call.ids("filters"):
            chosen = [track for track in chosen if _fits(wish, track.data)]
        return self.listing(call, [self.described(track, call.ids("fields")) for track in chosen])

    def described(self, track: Track, fields: list[str]) -> Json:
        """A track in a listing: without the fields that must be asked for."""
        optional = {"Path", "Genres", "DateCreated", "MediaSources"}
        data = {"PlaybackPositionTicks": 0, "PlayCount": 0, "IsFavorite": False, "Played": False, "Key": track.id}
        data |= {"ItemId": track.id, **track.data}
        if self.flavour.emby:
            optional |= {"ProductionYear"}
            for name in ("PlayCount", "LastPlayedDate"):
                if f"UserData{name}" not in fields:
                    data.pop(name, None)
        hidden = optional - set(fields)
        return {**{name: value for name, value in track.fields.items() if name not in hidden}, "UserData": data}

    def listing(self, call: Call, items: list[Json]) -> web.Response:
        """A slice of a list with its total."""
        start = call.number("startindex", 0)
        shown = items[start : start + min(call.number("limit", 10**6), self.largest_page)]
        content: Json = {"Items": shown[0] if self.single_objects and len(shown) == 1 else shown}
        total = len(items) if self.total_is is None else self.total_is(len(items))
        return web.json_response(content | ({} if total is None else {"TotalRecordCount": total, "StartIndex": start}))

    def track(self, track_id: str) -> Track | None:
        if self._indexed is not self.tracks or len(self._by_id) != len(self.tracks):
            self._indexed = self.tracks
            self._by_id = {track.id: track for track in self.tracks}
        return self._by_id.get(track_id.replace("-", ""))

    def _item(self, call: Call) -> web.Response:
        user = self.user_of(call, call.parts[0] if self.flavour.emby else None)
        track = self.track(call.parts[-1])
        if track is not None:
            return web.json_response(self.described(track, list(track.fields)))
        return web.json_response(self.playlists.described(call.parts[-1], user))

    def _download(self, call: Call) -> web.StreamResponse:
        person = next((person for person in self.people if person.id == call.caller), None)
        if person is not None and not person.may_download:
            raise Refused(403)
        return self._stream(call)

    def _stream(self, call: Call) -> web.StreamResponse:
        track = self.track(call.parts[0])
        if track is None:
            raise Refused(404, "Could not find item")
        if "stream" in call.path and call.query.get("static") != "true":
            self.problems.append("audio was asked for in another form than the original")
        return whole_or_part(track.bytes(), call.request, "audio/mpeg")

    def _lyrics(self, call: Call) -> web.Response:
        track = self.track(call.parts[0])
        if track is None or track.words is None:
            raise Refused(404)
        lines = [{"Text": line, "Start": number * 10**7} for number, line in enumerate(track.words.split("\n"))]
        return web.json_response({"Metadata": {}, "Lyrics": lines})

    def _subtitles(self, call: Call) -> web.Response:
        track = self.track(call.parts[0])
        if track is None or track.words is None or call.parts[1] != f"mediasource_{track.id}":
            raise Refused(404, "Could not find item")
        lines = [{"Id": str(number), "Text": line} for number, line in enumerate(track.words.split("\n"))]
        return web.json_response({"TrackEvents": lines})


@cache
def _description(name: str) -> Validator:
    """Reading one takes longer than most tests."""
    return Validator.load(name)


def _fits(wish: str, data: Json) -> bool:
    """Whether the listener's data fulfil a filter."""
    return {
        "IsPlayed": bool(data.get("Played")),
        "IsFavorite": bool(data.get("IsFavorite")),
        "Likes": bool(data.get("Rating", 0) >= 6.5),
    }[wish]
