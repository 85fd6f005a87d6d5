"""What the service replies: answers as the library's own types, problems as its own errors. Nothing here does I/O."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import numpy as np

from retrieval import errors
from retrieval.catalog.encoding import original_uri
from retrieval.domain import (
    Caption,
    CaptionSource,
    Explain,
    Hit,
    Item,
    Modality,
    SearchResponse,
    UnitVectors,
)


class ServiceError(errors.VasariError):
    """The service refused or failed in a way that no error of the library stands for."""

    def __init__(self, message: str, status: int, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind  # the last part of the problem's type, e.g. "scope"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the service; `state` is running, done, failed or cancelled."""

    id: int
    kind: str
    state: str
    progress: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state != "running"


def read_response(body: Mapping[str, Any]) -> SearchResponse:
    """A search's answer."""
    explain = body.get("explain")
    return SearchResponse(
        hits=tuple(Hit(_listed(hit), hit["score"], body["reranked"]) for hit in body["hits"]),
        total=body["total"],
        took_ms=body["took_ms"],
        space=body["space"],
        reranked=body["reranked"],
        explain=None
        if explain is None
        else Explain(
            explain["strategy"], explain["candidates"], explain["stages_ms"], tuple(explain["notes"])
        ),
        notes=tuple(body.get("notes", ())),
    )


def read_item(body: Mapping[str, Any]) -> Item:
    """An item; the file's time is not told over HTTP and reads 0."""
    return Item(
        id=body["id"],
        modality=Modality(body["modality"]),
        uri=original_uri(body["uri"]),
        content_hash=body["content_hash"],
        bytes=body["bytes"],
        mtime_ns=0,
        width=body["width"],
        height=body["height"],
        format=body["format"],
        text=body["text"],
        captions=tuple(
            Caption(entry["text"], entry["language"], CaptionSource(entry["source"]))
            for entry in body["captions"]
        ),
        tags=tuple(body["tags"]),
        attributes=body["attributes"],
        added_at=_moment(body["added_at"]),
        updated_at=_moment(body["updated_at"]),
    )


def read_job(body: Mapping[str, Any]) -> Job:
    """A job."""
    return Job(body["id"], body["kind"], body["state"], body["progress"])


def _listed(body: Mapping[str, Any]) -> Item:
    """An item as a hit tells it: hash, size and times are not among the facts."""
    return Item(
        id=body["id"],
        modality=Modality(body["modality"]),
        uri=original_uri(body["uri"]),
        content_hash="",
        bytes=0,
        mtime_ns=0,
        width=body["width"],
        height=body["height"],
        text=body["text"],
        captions=tuple(Caption(text) for text in body["captions"]),
        tags=tuple(body["tags"]),
        attributes=body["attributes"],
    )


def read_vectors(answer: httpx.Response) -> UnitVectors:
    """Vectors (n, dim) of an embeddings answer in base64."""
    rows = [
        np.frombuffer(base64.b64decode(entry["embedding"]), dtype="<f4") for entry in answer.json()["data"]
    ]
    return UnitVectors(np.stack(rows).astype(np.float32))


def joined(parts: Sequence[UnitVectors]) -> UnitVectors:
    """The vectors (n, dim) of several answers, one after the other."""
    return UnitVectors(np.concatenate(parts))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_ERRORS: Mapping[str, type[errors.VasariError]] = {
    "usage": errors.UsageError,
    "query": errors.QueryError,
    "unsupported": errors.UnsupportedError,
    "not-found": errors.NotFoundError,
    "image": errors.ImageError,
    "model-unavailable": errors.ModelUnavailableError,
    "library-locked": errors.LibraryLockedError,
    "library-corrupt": errors.LibraryCorruptError,
    "storage": errors.StorageError,
    "deadline": errors.DeadlineError,
}


def error_of(answer: httpx.Response) -> errors.VasariError:
    """The error that a problem document tells, as the library itself would raise it where it has one."""
    try:
        body = answer.json()
        kind, detail = str(body["type"]).rpartition(":")[2], str(body["detail"])
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"the server answered {answer.status_code}: is this Vasari?", answer.status_code)
    if kind == "query":
        return errors.QueryError(detail, body.get("query", ""), body.get("column"))
    if kind == "overloaded":
        return errors.OverloadedError(detail, float(answer.headers.get("retry-after", 1)))
    if kind == "library-locked":
        return errors.LibraryLockedError(detail, body.get("holder", ""))
    if kind in _ERRORS:
        return _ERRORS[kind](detail)
    return ServiceError(detail, answer.status_code, kind)
