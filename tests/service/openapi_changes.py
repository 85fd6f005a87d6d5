"""Breaking changes between two OpenAPI documents: what a program written for the older would no longer find.

Requests and answers are compared in opposite directions. A newer service has to take every request that the older took,
and to answer nothing that the older did not promise, but for fields and values that are added: readers of JSON pass
over those. Removed paths, methods, parameters, fields, media types and statuses of success, changed types, narrower
bounds, and what is required anew (of requests) or no longer promised (of answers) are told, one line each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


class Way(StrEnum):
    """Which way a value goes."""

    REQUEST = "request"
    ANSWER = "answer"


def breaking(old: Schema, new: Schema) -> list[str]:
    """All breaking changes from the document `old` to `new`, in words."""
    return sorted(set(Comparison(old, new).changes()))


@dataclass
class Comparison:
    """Two documents, and the pairs of named schemas that are being compared, for they may be recursive."""

    old: Schema
    new: Schema
    open: set[tuple[str | None, str | None, Way]] = field(default_factory=set)

    def changes(self) -> Iterator[str]:
        """Of each operation of the older document."""
        for path, operations in self.old["paths"].items():
            for method in (name for name in _METHODS if name in operations):
                here = f"{method.upper()} {path}"
                now = self.new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{here}: removed"
                    continue
                was = operations[method]
                if was.get("operationId") != now.get("operationId"):
                    yield f"{here}: operationId is another, and so are generated clients' names"
                yield from self._parameters(here, was, now)
                yield from self._body(here, was, now)
                yield from self._answers(here, was, now)

    def _parameters(self, here: str, was: Schema, now: Schema) -> Iterator[str]:
        before, after = (
            {(one["in"], one["name"]): one for one in operation.get("parameters", [])}
            for operation in (was, now)
        )
        for key, parameter in before.items():
            place = f"{here} {key[0]} {key[1]}"
            if key not in after:
                yield f"{place}: removed"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{place}: required now"
            yield from self.schemas(place, parameter["schema"], after[key]["schema"], Way.REQUEST)
        for key in after.keys() - before.keys():
            if after[key].get("required"):
                yield f"{here} {key[0]} {key[1]}: new, and required"

    def _body(self, here: str, was: Schema, now: Schema) -> Iterator[str]:
        before, after = was.get("requestBody"), now.get("requestBody")
        if before is None:
            if after is not None and after.get("required"):
                yield f"{here} body: required now"
            return
        if after is None:
            yield f"{here} body: removed"
            return
        if after.get("required") and not before.get("required"):
            yield f"{here} body: required now"
        yield from self._media(f"{here} body", before, after, Way.REQUEST)

    def _answers(self, here: str, was: Schema, now: Schema) -> Iterator[str]:
        for status, answer in was["responses"].items():
            if status not in now["responses"]:
                if status.startswith("2"):
                    yield f"{here} {status}: removed"
                continue
            yield from self._media(f"{here} {status}", answer, now["responses"][status], Way.ANSWER)

    def _media(self, here: str, was: Schema, now: Schema, way: Way) -> Iterator[str]:
        for kind, content in was.get("content", {}).items():
            after = now.get("content", {}).get(kind)
            if after is None:
                yield f"{here} {kind}: removed"
            else:
                yield from self.schemas(here, content.get("schema", {}), after.get("schema", {}), way)

    def schemas(self, here: str, old: Schema, new: Schema, way: Way) -> Iterator[str]:
        """Changes of one value's schema."""
        names = (old.get("$ref"), new.get("$ref"), way)
        if names[0] and names[1]:
            if names in self.open:
                return
            self.open.add(names)
        before, after = list(_forms(self.old, old)), list(_forms(self.new, new))
        if len(before) == len(after) == 1:
            yield from self._one(here, before[0], after[0], way)
        else:
            yield from self._several(here, before, after, way)
        self.open.discard(names)

    def _several(self, here: str, before: list[Schema], after: list[Schema], way: Way) -> Iterator[str]:
        """Forms that a value may have: each that a request had is taken, each of an answer is one that was promised."""
        given, taken = (before, after) if way is Way.REQUEST else (after, before)
        for form in given:
            alike = [other for other in taken if _kind(other) == _kind(form)] or taken
            found = [
                list(self._one(here, *((form, other) if way is Way.REQUEST else (other, form)), way))
                for other in alike
            ]
            if found and all(found):
                yield from min(found, key=len)

    def _one(self, here: str, old: Schema, new: Schema, way: Way) -> Iterator[str]:
        given, taken = (old, new) if way is Way.REQUEST else (new, old)
        if not _fits(_kind(given), _kind(taken)):
            yield f"{here}: {_kind(old) or 'anything'} became {_kind(new) or 'anything'}"
            return
        if way is Way.REQUEST:
            yield from _narrower(here, old, new)
        yield from self._members(here, old, new, way)
        if "items" in old and "items" in new:
            yield from self.schemas(f"{here}[]", old["items"], new["items"], way)
        was, now = old.get("additionalProperties"), new.get("additionalProperties")
        if isinstance(was, dict) and isinstance(now, dict):
            yield from self.schemas(f"{here}.*", was, now, way)
        elif way is Way.REQUEST and now is False and was is not False:
            yield f"{here}: other fields are refused now"

    def _members(self, here: str, old: Schema, new: Schema, way: Way) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in after:
                yield f"{here}.{name}: removed"
            else:
                yield from self.schemas(f"{here}.{name}", schema, after[name], way)
        was, now = set(old.get("required", [])), set(new.get("required", []))
        if way is Way.REQUEST:
            yield from (f"{here}.{name}: required now" for name in now - was)
        else:
            yield from (f"{here}.{name}: no longer promised" for name in (was - now) & after.keys())


def _forms(document: Schema, schema: Schema) -> Iterator[Schema]:
    """The schemas of which a value fits one, without references."""
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        yield from _forms(document, found)
    elif "anyOf" in schema or "oneOf" in schema:
        for form in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
            yield from _forms(document, form)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {**schema, "type": kind}
    else:
        yield schema


def _kind(schema: Schema) -> str | None:
    kind: str | None = schema.get("type")
    if kind is None and "const" in schema:
        return {bool: "boolean", int: "integer", float: "number"}.get(type(schema["const"]), "string")
    return kind


def _fits(given: str | None, taken: str | None) -> bool:
    return taken is None or given == taken or (given, taken) == ("integer", "number")


def _narrower(here: str, old: Schema, new: Schema) -> Iterator[str]:
    """What a request may no longer say."""
    for bound in _LOWEST:
        if new.get(bound, float("-inf")) > old.get(bound, float("-inf")):
            yield f"{here}: {bound} is {new[bound]} now"
    for bound in _HIGHEST:
        if new.get(bound, float("inf")) < old.get(bound, float("inf")):
            yield f"{here}: {bound} is {new[bound]} now"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{here}: pattern is {new['pattern']} now"
    before, after = _values(old), _values(new)
    if after is not None:
        if before is None:
            yield f"{here}: only {', '.join(map(repr, after))} now"
        else:
            yield from (f"{here}: {value!r} is refused now" for value in before if value not in after)


def _values(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = schema.get("enum")
    return [schema["const"]] if "const" in schema else values
