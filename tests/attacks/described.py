"""Requests made from the OpenAPI document that a gateway serves: what it describes tomorrow is attacked, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
ANY_ID = "01a2063c-1203-7a33-9b7a-d0d3ad7f32fd"
_SAMPLES: Mapping[str, Any] = {"uuid": ANY_ID, "date-time": "2026-01-01T00:00:00Z", "binary": "#EXTM3U\na.mp3\n"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request; ``path`` is encoded, ``body`` JSON or None."""

    method: str
    path: str
    body: Any = None
    place: str = ""


class Described:
    """``known`` are values for path parameters, by name."""

    def __init__(self, document: Json, known: Mapping[str, str]) -> None:
        self._document = document
        self._known = known

    def attempts(self, strings: tuple[str, ...]) -> Iterator[Attempt]:
        """Every parameter and every text of every body, each with every one of ``strings``."""
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                for string in strings:
                    yield from self._of(method.upper(), path, operation, string)

    def cursors(self) -> Iterator[str]:
        """The addresses of all lists that have pages."""
        for path, methods in self._document["paths"].items():
            named = [parameter["name"] for parameter in methods.get("get", {}).get("parameters", [])]
            if "cursor" in named:
                yield self._filled(path)

    def reads(self) -> Iterator[str]:
        """Every address that can be asked for, with ids that are known."""
        return (self._filled(path) for path, methods in self._document["paths"].items() if "get" in methods)

    def _of(self, method: str, path: str, operation: Json, string: str) -> Iterator[Attempt]:
        bodies = list(self._bodies(operation))
        whole, usual = self._filled(path), bodies[0] if bodies else None
        for parameter in operation.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "path":
                yield Attempt(method, self._filled(path, {name: string}), usual, name)
            elif parameter["in"] == "query":
                yield Attempt(method, f"{whole}?{name}={encoded(string)}", usual, name)
        for body in bodies:
            for place, changed in mutated(body, string):
                yield Attempt(method, whole, changed, place)

    def _filled(self, path: str, more: Mapping[str, str] | None = None) -> str:
        parts = [
            encoded((more or {}).get(part[1:-1], self._known.get(part[1:-1], ANY_ID))) if part.startswith("{") else part
            for part in path.split("/")
        ]
        return "/".join(parts)

    def _bodies(self, operation: Json) -> Iterator[Any]:
        """Bodies that are taken as they are: the plainest of each form, and that with each further field."""
        content = operation.get("requestBody", {}).get("content", {})
        for form in self._forms(content.get("application/json", {}).get("schema", {})):
            needed = set(form.get("required", ()))
            fields = form.get("properties", {})
            base = {name: self._sample(one) for name, one in fields.items() if name in needed or name == "test"}
            base |= {name: _nearby(one) for name, one in form.get("examples", [{}])[0].items()}
            yield base
            for name in fields.keys() - base.keys():
                yield {**base, name: self._sample(fields[name])}

    def _forms(self, schema: Json) -> Iterator[Json]:
        """The alternatives that a schema stands for."""
        if "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        several = schema.get("oneOf") or schema.get("anyOf")
        if several:
            for one in several:
                yield from self._forms(one)
        elif schema:
            yield schema

    def _sample(self, schema: Json) -> Any:
        """Something that fits a schema."""
        form = next((one for one in self._forms(schema) if one.get("type") != "null"), {})
        if "const" in form or "enum" in form:
            return form.get("const", form.get("enum", [None])[0])
        match form.get("type"):
            case "object":
                return {name: self._sample(one) for name, one in form.get("properties", {}).items()}
            case "array":
                return [self._sample(form.get("items", {}))]
            case "integer" | "number":
                return form.get("minimum", 1)
            case "boolean":
                return False
        return _SAMPLES.get(form.get("format", ""), "plain")


def _nearby(value: Any) -> Any:
    """An example, where it is an address, becomes one at which nobody answers, at once."""
    return "http://127.0.0.1:9" if isinstance(value, str) and value.startswith("http://") else value


def mutated(value: Any, string: str, place: str = "") -> Iterator[tuple[str, Any]]:
    """Copies of a document in which one text (or number) is ``string``, or the number in it."""
    if isinstance(value, dict):
        for name, one in value.items():
            for where, changed in mutated(one, string, f"{place}.{name}"):
                yield where, {**value, name: changed}
    elif isinstance(value, list):
        for number, one in enumerate(value):
            for where, changed in mutated(one, string, f"{place}.{number}"):
                yield where, [*value[:number], changed, *value[number + 1 :]]
    elif isinstance(value, str):
        yield place, string
    elif isinstance(value, int | float) and not isinstance(value, bool) and string.lstrip("-").isdigit():
        yield place, int(string)


def encoded(string: str) -> str:
    """For an address; halves of surrogate pairs become bytes that are no UTF-8."""
    return quote(string.encode("utf-8", "surrogatepass"), safe="")
