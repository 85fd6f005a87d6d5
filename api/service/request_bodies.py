"""Request bodies as JSON or as multipart/form-data: one schema for both.

A multipart form holds the same fields: `request` is the JSON of all of them, or each is a field of its own; files
become the field that takes pictures.
"""

from __future__ import annotations

import asyncio
import json
import re
from codecs import BOM_UTF8
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from enum import Enum, auto
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from vasari.api.service.dependencies import charge, service_of
from vasari.api.service.problems import ProblemError
from vasari.api.service.schemas.fields import Body
from vasari.retrieval import cancellation

Model = TypeVar("Model", bound=Body)
_MOST_FILES = 32
_MOST_FIELDS = 256
_MOST_ERRORS = 20  # that are told
_SMALL = 16 * 1024  # bytes that are read on the event loop: less than a millisecond


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that reads a request's body as `model`; RequestValidationError tells what does not fit.

    What the body costs is taken off the caller's rate.
    """

    async def read(request: Request) -> Model:
        coding = request.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise HTTPException(
                415, f"send the body as it is, and not in {coding[:40]!r}", {"Accept-Encoding": "identity"}
            )
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind == "multipart/form-data" and model.files_go_to is not None:
            return await form_body(model, request)
        if kind == "application/json" or kind.endswith("+json"):
            return await json_body(model, request)
        raise HTTPException(
            415, "send application/json" + (" or multipart/form-data" if model.files_go_to else "")
        )

    return read


async def json_body(model: type[Model], request: Request) -> Model:
    """The body as JSON, whatever its content type; large ones are read in a thread."""
    # PowerShell and others begin JSON with a mark of byte order (RFC 8259, 8.1).
    text = (await request.body()).removeprefix(BOM_UTF8)

    def parse() -> Model:
        try:
            check_shape(text)
        except ShapeError as error:
            raise ProblemError(422, "schema", f"the body is refused: {error}") from None
        return model.model_validate_json(text)

    return await _read(request, parse, len(text))


async def form_body(model: type[Model], request: Request) -> Model:
    """The body as a multipart form."""
    form = await _form(request)
    try:
        pictures = [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
        size = sum(len(value) for _, value in form.multi_items() if isinstance(value, str))
        return await _read(request, lambda: model.model_validate(_form_fields(form, pictures, model)), size)
    finally:
        await form.close()


async def _read(request: Request, parse: Callable[[], Model], size: int) -> Model:
    def told() -> Model:
        try:
            return parse()
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False, include_context=False)
            raise RequestValidationError(details[:_MOST_ERRORS]) from None

    service = service_of(request)
    body = told() if size <= _SMALL else await service.read(told)
    charge(request, body.cost() - 1)
    return body


async def _form(request: Request) -> FormData:
    """The parts of a form in UTF-8; other encodings are refused, for decoding some of them takes minutes."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise HTTPException(415, "a form is written in UTF-8")
    pieces = await _pieces(request, b"\r\n--" + options.get(b"boundary", b""))
    parser = MultiPartParser(
        request.headers,
        _taken(pieces),
        max_files=_MOST_FILES,
        max_fields=_MOST_FIELDS,
        max_part_size=1024 * 1024,
    )
    try:
        if sum(map(len, pieces)) <= _SMALL:
            return await parser.parse()
        return await service_of(request).read(lambda: asyncio.run(parser.parse()))
    except MultiPartException as error:
        raise HTTPException(400, error.message) from None


async def _pieces(request: Request, boundary: bytes) -> deque[bytes]:
    """The body as it comes; what has too many boundaries, which take long to be looked at, is refused."""
    pieces: deque[bytes] = deque()
    boundaries = 0
    async for piece in request.stream():
        boundaries += piece.count(boundary)
        if boundaries > _MOST_FILES + _MOST_FIELDS + 1:
            raise HTTPException(400, f"a form has at most {_MOST_FILES} files and {_MOST_FIELDS} fields")
        pieces.append(piece)
    return pieces


async def _taken(pieces: deque[bytes]) -> AsyncGenerator[bytes, None]:
    """The pieces in turn, each let go as it is given, until nobody waits for them."""
    while pieces:
        cancellation.check()
        yield pieces.popleft()


def _form_fields(form: FormData, pictures: list[bytes], model: type[Body]) -> dict[str, Any]:
    fields = _plain_fields(form, model)
    target = model.files_go_to or ""
    if not pictures:
        return fields
    if target == "terms":
        own = fields.get("terms") or []
        fields["terms"] = [
            *(own if isinstance(own, list) else [own]),
            *({"image": data} for data in pictures),
        ]
    elif len(pictures) == 1:
        fields[target] = pictures[0]
    else:
        raise HTTPException(400, "one file at a time")
    return fields


def _plain_fields(form: FormData, model: type[Body]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in form:
        values = [value for value in form.getlist(name) if isinstance(value, str)]
        if not values:
            continue
        if name == "request":
            fields |= _json_object(values[0])
        else:
            fields[name] = _field_value(name, values, _reading_of(model, name))
    return fields


class _Reading(Enum):
    """Conversion of a form field, which is text, to a value of the body."""

    TEXT = auto()
    JSON = auto()
    LIST = auto()  # each occurrence is an entry, or one occurrence is the whole list as JSON


def _reading_of(model: type[Body], name: str) -> _Reading:
    field = model.model_fields.get(name)
    kinds = list(_alternatives(field.annotation)) if field is not None else []
    if any(kind is dict or get_origin(kind) is dict or _is_model(kind) for kind in kinds):
        return _Reading.JSON
    lists = [kind for kind in kinds if get_origin(kind) is list]
    if not lists:
        return _Reading.TEXT
    entries = [entry for kind in lists for argument in get_args(kind) for entry in _alternatives(argument)]
    return _Reading.JSON if entries and all(map(_is_model, entries)) else _Reading.LIST


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, without `Annotated`, `Union` and None around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _alternatives(part)
    elif annotation is not NoneType:
        yield annotation


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _field_value(name: str, values: list[str], reading: _Reading) -> Any:
    if reading is _Reading.LIST:
        return _json(name, values[0]) if len(values) == 1 and values[0].lstrip().startswith("[") else values
    if len(values) > 1:
        raise HTTPException(400, f"the form has the field `{name[:100]}` more than once")
    return _json(name, values[0]) if reading is _Reading.JSON else values[0]


def _json_object(text: str) -> Mapping[str, Any]:
    found = _json("request", text)
    if not isinstance(found, dict):
        raise HTTPException(400, "the form's field `request` is no JSON object")
    return found


def _json(name: str, text: str) -> Any:
    try:
        check_shape(text.encode("utf-8", "surrogatepass"))
        return json.loads(text)
    except ShapeError as error:
        raise HTTPException(400, f"the form's field `{name[:100]}` is refused: {error}") from None
    except ValueError:
        raise HTTPException(400, f"the form's field `{name[:100]}` holds no valid JSON") from None


def described(model: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of a body read by `body_of(model)`.

    Of a form only words tell: of an operation with two types of body the usual generators of clients make code that
    does not run (openapi-python-client 0.29: an undefined name), or that takes the form for the JSON.
    """
    body: dict[str, Any] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
    }
    if model.files_go_to is not None:
        file = "up to 8 files" if model.files_go_to.endswith("s") else "the file"
        body["description"] = (
            f"Or a multipart/form-data form: `image` is {file}, `request` the other fields as JSON, or each is a field."
        )
    return {"requestBody": body}


MOST_VALUES = 50_000  # strings, separators between values, and quotes in strings
DEEPEST = 32
LONGEST_NUMBER = 400  # characters

# Small steps: other threads run between two of them.
_TOKEN = re.compile(rb"""["\[\]{},]|[^"\[\]{},]{1,65536}+""")
_OPEN, _CLOSE, _QUOTE, _COMMA = (ord(sign) for sign in ("[", "]", '"', ","))
_DEEPER, _HIGHER = (_OPEN, ord("{")), (_CLOSE, ord("}"))


class ShapeError(ValueError):
    """Not the shape of any body that is accepted; the message is for people."""


def check_shape(text: bytes) -> None:
    """Raise ShapeError for JSON of too many values, too deep, or with absurd numbers. It may be no JSON at all."""
    depth = values = place = 0
    while (token := _TOKEN.match(text, place)) is not None:
        first, place = text[place], token.end()
        if first in _DEEPER:
            depth += 1
        elif first in _HIGHER:
            depth -= 1
        elif first == _QUOTE:
            place, escapes = _end_of_string(text, place)
            values += 1 + escapes
        elif first == _COMMA:
            values += 1
        elif len(token[0].strip()) > LONGEST_NUMBER:
            raise ShapeError(f"a number has more than {LONGEST_NUMBER} digits")
        if depth > DEEPEST:
            raise ShapeError(f"it is nested deeper than {DEEPEST} levels")
        if values > MOST_VALUES:
            raise ShapeError(f"it has more than {MOST_VALUES:,} values")


def _end_of_string(text: bytes, start: int) -> tuple[int, int]:
    """The place behind a string whose first letter is at `start`, and how many quotes in it are escaped."""
    escapes = 0
    while (end := text.find(b'"', start)) >= 0 and escapes <= MOST_VALUES:
        before = text[start:end]
        start = end + 1
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return start, escapes
        escapes += 1
    return len(text), escapes
