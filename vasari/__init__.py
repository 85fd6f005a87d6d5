"""Cross-modal search: find pictures by words, and words by pictures.

    from vasari import Library

    with Library.open("~/Pictures/.vasari") as library:
        for hit in library.search("a red boat at sunset", limit=5):
            print(hit.score, hit.item.uri)

What can be imported from here is the public surface, which semantic versioning promises; all else may change with any
release. Names are loaded when first used: `import vasari` alone costs nothing.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vasari.api.client.async_client import AsyncClient
    from vasari.api.client.client import Client
    from vasari.api.client.connection import ServiceError
    from vasari.api.python.answers import Answer
    from vasari.api.python.library import Library
    from vasari.retrieval.domain import (
        Caption,
        CaptionSource,
        EmbeddingSpace,
        Explain,
        Hit,
        Item,
        Modality,
        Region,
        Rerank,
        SearchRequest,
        SearchResponse,
        Term,
        TermKind,
        TextLine,
    )
    from vasari.retrieval.errors import VasariError
    from vasari.retrieval.library.upload import NewPicture, Notes
    from vasari.retrieval.search.query import parse_query
    from vasari.retrieval.settings import Settings
    from vasari.retrieval.version import __version__

logging.getLogger(__name__).addHandler(logging.NullHandler())  # quiet until a program shows its records

_HOMES = {
    "Answer": "api.python.answers",
    "AsyncClient": "api.client.async_client",
    "Caption": "retrieval.domain",
    "CaptionSource": "retrieval.domain",
    "Client": "api.client.client",
    "EmbeddingSpace": "retrieval.domain",
    "Explain": "retrieval.domain",
    "Hit": "retrieval.domain",
    "Item": "retrieval.domain",
    "Library": "api.python.library",
    "Modality": "retrieval.domain",
    "NewPicture": "retrieval.library.upload",
    "Notes": "retrieval.library.upload",
    "Region": "retrieval.domain",
    "Rerank": "retrieval.domain",
    "SearchRequest": "retrieval.domain",
    "SearchResponse": "retrieval.domain",
    "ServiceError": "api.client.connection",
    "Settings": "retrieval.settings",
    "Term": "retrieval.domain",
    "TermKind": "retrieval.domain",
    "TextLine": "retrieval.domain",
    "VasariError": "retrieval.errors",
    "__version__": "retrieval.version",
    "parse_query": "retrieval.search.query",
}

__all__ = [
    "Answer",
    "AsyncClient",
    "Caption",
    "CaptionSource",
    "Client",
    "EmbeddingSpace",
    "Explain",
    "Hit",
    "Item",
    "Library",
    "Modality",
    "NewPicture",
    "Notes",
    "Region",
    "Rerank",
    "SearchRequest",
    "SearchResponse",
    "ServiceError",
    "Settings",
    "Term",
    "TermKind",
    "TextLine",
    "VasariError",
    "__version__",
    "parse_query",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vasari' has no attribute {name!r}")
    value = getattr(import_module(f"vasari.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
