"""What bodies are made of: kinds of fields with their limits, and the class of all bodies of requests."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from vasari.retrieval.search.query import MAX_TEXT

LARGEST_ID = 2**63 - 1
MOST_PICTURES = 32  # of one request

# What parts of a request take off a key's rate, where a plain search costs 1.
PICTURE_COST = 4  # to be decoded and embedded
MODEL_COST = 8  # a picture, to be looked at by a reranker or captioner
TEXTS_A_TOKEN = 16  # texts beyond those of a search, to be embedded


_PIECE = 1024 * 1024  # letters, a multiple of four: other threads run between two pieces
_WHITE = b" \t\r\n\f\v"


def _decoded(encoded: bytes) -> bytes:
    """Base64 with white space; ValueError for what is none."""
    if any(encoded.find(bytes([letter])) >= 0 for letter in _WHITE):
        encoded = encoded.translate(None, _WHITE)
    if 0 <= encoded.find(b"=") < len(encoded) - 2:
        raise ValueError("letters behind the end")
    pieces = range(0, len(encoded), _PIECE)
    return b"".join(base64.b64decode(encoded[start : start + _PIECE], validate=True) for start in pieces)


def picture_bytes(value: object) -> object:
    """Base64, with or without `data:image/…;base64,` before it, as bytes."""
    if not isinstance(value, str):
        return value
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    try:
        data = _decoded(encoded.encode("ascii"))
    except (binascii.Error, ValueError):
        raise ValueError("this is no base64") from None
    if not data:
        raise ValueError("an empty picture")
    return data


_WHOLE = re.compile(r"-?[0-9]{1,30}")


def plain_number(value: object) -> object:
    """A whole number as people write it: Python's "1_3", " 5" and "٣" are none, and JSON's true is none."""
    if isinstance(value, bool) or (isinstance(value, str) and not _WHOLE.fullmatch(value)):
        raise ValueError("a whole number is written in digits, such as 13")
    return value


def finite(value: Any) -> Any:
    """JSON without NaN and infinities, of which JSON has none and which no database keeps."""
    match value:
        case float() if not math.isfinite(value):
            raise ValueError("a number is too large, or none")
        case dict():
            list(map(finite, value.values()))
        case list():
            list(map(finite, value))
    return value


Whole = BeforeValidator(plain_number)
Picture = Annotated[
    bytes,
    BeforeValidator(picture_bytes),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "minLength": 4,
            "description": "A picture file in base64; a data: URL will do too.",
        }
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"\S")]
Id = Annotated[int, Whole, Field(ge=1, le=LARGEST_ID)]
Url = Annotated[str, StringConstraints(min_length=8, max_length=2048)]
Weight = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Limit = Annotated[int, Whole, Field(ge=1, le=1000)]
# With a limit of 1, the last rank that a search computes.
Offset = Annotated[int, Whole, Field(ge=0, le=9_999)]
Filter = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
GroupBy = Annotated[
    str,
    StringConstraints(max_length=MAX_TEXT),
    Field(
        description="An attribute, named as in filters, or `stack`: one of each group of items with the same value.",
        examples=["product"],
    ),
]
SpaceName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]


class Body(BaseModel):
    """What a request sends: unknown fields are refused, so that a misspelt one is not silently without effect.

    `files_go_to` names the field that takes the files of a multipart request.
    """

    model_config = ConfigDict(extra="forbid")
    files_go_to: ClassVar[str | None] = None

    def cost(self) -> int:
        """What the request takes off its key's rate; a plain search costs 1."""
        return 1


def example(**fields: Any) -> ConfigDict:
    """The configuration of a body with an example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})
