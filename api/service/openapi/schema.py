"""The OpenAPI document: problems of each route, schemas of bodies that are read by hand."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from vasari.api.service.problems import MEDIA_TYPE
from vasari.api.service.schemas.fields import Body
from vasari.api.service.schemas.problems import Problem

_REFERENCE = "#/components/schemas/{model}"
_WORDS = {
    400: "The request is wrong.",
    401: "A key is needed.",
    403: "Not allowed.",
    404: "Not found.",
    408: "The request came too slowly.",
    409: "Another job writes the library, or the file has changed.",
    413: "Too large.",
    415: "Another content type is needed.",
    421: "Sent to the wrong host.",
    422: "The request does not fit the schema, or a picture cannot be used.",
    429: "Too many requests; Retry-After says when to come again.",
    501: "This model or build cannot do it.",
    503: "A model is not on this machine.",
    504: "Not finished in time.",
    507: "The disk is full.",
}
_ALWAYS = (401, 403, 408, 413, 421, 429, 504)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem documents a route may answer with, beside those that any route may."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _WORDS[status], "content": content}
        for status in sorted({*statuses, *_ALWAYS})
    }


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        models: list[type[BaseModel]] = [*_bodies(Body), Problem]
        _, made = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
        for name, schema in made["$defs"].items():
            schemas.setdefault(name, schema)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema


def _bodies(model: type[Body]) -> list[type[Body]]:
    found = []
    for child in sorted(model.__subclasses__(), key=lambda child: child.__name__):
        found += [child, *_bodies(child)]
    return found
