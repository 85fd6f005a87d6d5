"""Bodies as JSON or as multipart forms: one schema for both.

A multipart form holds the same fields: `request` is the JSON of all of them, or each is a field of its own; files
become the field that takes pictures.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.service.schemas.fields import Body

Model = TypeVar("Model", bound=Body)
_MOST_FILES = 32


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that reads a request's body as `model`; RequestValidationError tells what does not fit."""

    async def read(request: Request) -> Model:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        try:
            if kind == "multipart/form-data" and model.files_go_to is not None:
                return model.model_validate(await _form_fields(request, model))
            if kind == "application/json" or kind.endswith("+json"):
                return model.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_input=False, include_url=False)) from None
        raise HTTPException(
            415, "send application/json" + (" or multipart/form-data" if model.files_go_to else "")
        )

    return read


async def _form_fields(request: Request, model: type[Body]) -> dict[str, Any]:
    async with request.form(max_files=_MOST_FILES, max_fields=256, max_part_size=1024 * 1024) as form:
        fields = _plain_fields(form, model)
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        pictures = [await file.read() for file in files]
    target = model.files_go_to or ""
    if not pictures:
        return fields
    if target == "terms":
        own = fields.get("terms") or []
        fields["terms"] = [
            *(own if isinstance(own, list) else [own]),
            *({"image": data} for data in pictures),
        ]
    elif target.endswith("s"):
        fields[target] = [*fields.get(target, []), *pictures]
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
        elif _takes_json(model, name):
            fields[name] = _json(values[0])
        else:
            fields[name] = values if _takes_list(model, name) else values[0]
    return fields


def _json_object(text: str) -> Mapping[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise HTTPException(400, "the form's field `request` is no JSON object")
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise HTTPException(400, "a form's field holds no valid JSON") from None


def _takes_list(model: type[Body], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and "list[" in str(field.annotation)


def _takes_json(model: type[Body], name: str) -> bool:
    field = model.model_fields.get(name)
    words = str(field.annotation) if field is not None else ""
    return "dict[" in words or "Options" in words or "TermBody" in words


def described(model: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of a body read by `body_of(model)`."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    content: dict[str, Any] = {"application/json": {"schema": reference}}
    if model.files_go_to is not None:
        many = model.files_go_to.endswith("s")
        file = {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}
        properties = {
            "request": {
                "type": "string",
                "contentMediaType": "application/json",
                "description": f"The other fields of {model.__name__}, as JSON.",
            },
            "image": {"type": "array", "items": file, "maxItems": 8} if many else file,
        }
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": properties}}
    return {"requestBody": {"required": True, "content": content}}
