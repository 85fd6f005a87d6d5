"""The JSON contract: how items, hits, answers and errors are spelled by `--json`, by HTTP and by the Python client.

Each kind of value has its fields (`…_fields`, domain value → JSON) and the way back (`read_…`), which does without
what an older service leaves out. `vasari.api.json_text` writes the documents. Nothing here does I/O or imports
pydantic: a test holds the schemas of OpenAPI against this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from vasari.api.json_text import original
from vasari.retrieval import errors
from vasari.retrieval.catalog.records import Failure, JobRecord
from vasari.retrieval.domain import Caption, CaptionSource, Explain, Hit, Item, Modality, SearchResponse

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library
    from vasari.retrieval.library.spaces import SpaceState

Fields = dict[str, Any]


def _moment(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, with Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# Items and searches


def item_fields(item: Item) -> Fields:
    """All that is told of an item. The file's own time is not."""
    captions = [
        {"text": said.text, "language": said.language, "source": said.source} for said in item.captions
    ]
    return _facts(item) | {"captions": captions}


def listed_fields(item: Item) -> Fields:
    """An item in a list: its captions are plain sentences, with their languages and writers beside them."""
    return _facts(item) | {
        "captions": [said.text for said in item.captions],
        "caption_languages": [said.language for said in item.captions],
        "caption_sources": [said.source for said in item.captions],
    }


def _facts(item: Item) -> Fields:
    return {
        "id": item.id,
        "uri": item.uri,
        "modality": item.modality,
        "content_hash": item.content_hash,
        "bytes": item.bytes,
        "width": item.width,
        "height": item.height,
        "format": item.format,
        "text": item.text,
        "tags": list(item.tags),
        "attributes": dict(item.attributes),
        "added_at": _moment(item.added_at),
        "updated_at": _moment(item.updated_at),
        "thumbnail": thumbnail_address(item),
    }


def thumbnail_address(item: Item) -> str | None:
    """Where a service has the item's small picture; with the content's hash, so that browsers may keep it for ever."""
    if item.modality is not Modality.IMAGE:
        return None
    return f"/v1/items/{item.id}/thumbnail?v={item.content_hash}"


def read_item(body: Mapping[str, Any]) -> Item:
    """An item, as a list or a page tells it; the file's time reads 0, as what an older service does not tell."""
    told = original(body)
    return Item(
        id=told["id"],
        modality=Modality(told["modality"]),
        uri=told["uri"],
        content_hash=told.get("content_hash", ""),
        bytes=told.get("bytes", 0),
        mtime_ns=0,
        width=told["width"],
        height=told["height"],
        format=told.get("format"),
        text=told["text"],
        captions=tuple(_read_captions(told)),
        tags=tuple(told["tags"]),
        attributes=told["attributes"],
        added_at=_read_moment(told.get("added_at")),
        updated_at=_read_moment(told.get("updated_at")),
    )


def _read_captions(told: Mapping[str, Any]) -> Iterator[Caption]:
    languages = told.get("caption_languages", repeat(None))
    sources = told.get("caption_sources", repeat(CaptionSource.USER))
    for said, language, source in zip(told["captions"], languages, sources, strict=False):
        if isinstance(said, str):
            yield Caption(said, language, CaptionSource(source))
        else:
            yield Caption(said["text"], said["language"], CaptionSource(said["source"]))


def hit_fields(hit: Hit) -> Fields:
    """A listed item with its score: the cosine, or the blended match score in [0, 1] where it was reranked."""
    listed = listed_fields(hit.item)
    return {"id": listed["id"], "score": round(float(hit.score), 6), "reranked": hit.reranked} | listed


def response_fields(response: SearchResponse) -> Fields:
    """The answer to a search."""
    return {
        "hits": [hit_fields(hit) for hit in response.hits],
        "total": response.total,
        "took_ms": round(response.took_ms, 3),
        "space": response.space,
        "reranked": response.reranked,
        "notes": list(response.notes),
        "explain": None if response.explain is None else _explain_fields(response.explain),
    }


def _explain_fields(explain: Explain) -> Fields:
    return {
        "strategy": explain.strategy,
        "candidates": explain.candidates,
        "stages_ms": {stage: round(spent, 3) for stage, spent in explain.stages_ms.items()},
        "notes": list(explain.notes),
    }


def read_response(body: Mapping[str, Any]) -> SearchResponse:
    """The answer to a search; an older service says only of all hits whether they were reranked."""
    explain, reranked = body.get("explain"), body["reranked"]
    return SearchResponse(
        hits=tuple(Hit(read_item(hit), hit["score"], hit.get("reranked", reranked)) for hit in body["hits"]),
        total=body["total"],
        took_ms=body["took_ms"],
        space=body["space"],
        reranked=reranked,
        explain=None if explain is None else _read_explain(explain),
        notes=tuple(original(body.get("notes", []))),
    )


def _read_explain(body: Mapping[str, Any]) -> Explain:
    return Explain(body["strategy"], body["candidates"], body["stages_ms"], tuple(original(body["notes"])))


# What models say of a picture


def match_fields(score: float) -> Fields:
    """An image-text match: the probability that a sentence describes a picture, in [0, 1]."""
    return {"score": _share(score)}


def read_match(body: Mapping[str, Any]) -> float:
    """The inverse."""
    return float(body["score"])


def labels_fields(labels: Sequence[tuple[str, float]]) -> Fields:
    """Labels, the best first; `score` is a label's probability among those given, in [0, 1]."""
    return {"labels": [{"label": label, "score": _share(score)} for label, score in labels]}


def read_labels(body: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The inverse."""
    return [(original(entry["label"]), float(entry["score"])) for entry in body["labels"]]


def description_fields(caption: str) -> Fields:
    """A description of a picture."""
    return {"caption": caption}


def read_description(body: Mapping[str, Any]) -> str:
    """The inverse."""
    return str(original(body["caption"]))


def answer_fields(answer: str) -> Fields:
    """A short answer to a question about a picture."""
    return {"answer": answer}


def read_answer(body: Mapping[str, Any]) -> str:
    """The inverse."""
    return str(original(body["answer"]))


def _share(score: float) -> float:
    return min(max(float(score), 0.0), 1.0)


# The library as a whole


def status_fields(library: Library) -> Fields:
    """What a library holds, by which models, and who writes it; but not where it lies."""
    catalog = library.catalog
    holder = catalog.lease.holder()
    return {
        "items": {str(modality): catalog.items.count(modality) for modality in Modality},
        "missing": catalog.items.count_missing(),
        "failures": catalog.failures.count(),
        "spaces": [
            {**space_fields(state), "generation": _generation(library, state.space.name)}
            for state in library.spaces()
        ],
        "job": str(holder) if holder else None,
    }


def space_fields(state: SpaceState) -> Fields:
    """An embedding space: `vectors` and `absent` count live items with and without a vector, by modality.

    `precision` is that of the form which encodes its pictures on CPUs, where one was chosen.
    """
    return {
        "name": state.space.name,
        "model": state.space.model,
        "dim": state.space.dim,
        "default": state.default,
        "vectors": {str(modality): count for modality, count in state.vectors.items()},
        "absent": {str(modality): count for modality, count in state.absent.items()},
        "bytes": state.bytes,
        "precision": state.precision,
    }


def _generation(library: Library, space: str) -> Fields | None:
    active = library.catalog.segments.active_generation(space, Modality.IMAGE)
    return None if active is None else {"number": active.number, "kind": active.kind, "rows": active.rows}


def filter_fields(fields: Mapping[str, str], attributes: Mapping[str, int]) -> Fields:
    """What a filter may ask for: the fields of every item with what they hold, and how many items have an attribute."""
    return {
        "fields": [{"name": name, "holds": str(kind)} for name, kind in fields.items()],
        "attributes": [{"value": name, "count": count} for name, count in attributes.items()],
    }


def failure_fields(failure: Failure) -> Fields:
    """A file that could not be indexed."""
    return {name: getattr(failure, name) for name in ("uri", "stage", "reason", "attempts", "at")}


def job_fields(job: JobRecord) -> Fields:
    """A bulk job; `state` is running, done, failed or cancelled."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "params": dict(job.params),
        "progress": dict(job.progress),
        "started_at": _moment(job.started_at),
        "heartbeat_at": _moment(job.heartbeat_at),
        "finished_at": _moment(job.finished_at),
    }


def read_job(body: Mapping[str, Any]) -> JobRecord:
    """The inverse."""
    moments = {name: _read_moment(body[name]) for name in ("started_at", "heartbeat_at", "finished_at")}
    return JobRecord(**{**original(body), **moments})


# Errors


class Problem(NamedTuple):
    """How HTTP answers with an error: its status, the last part of the problem's type, and a title."""

    status: int
    name: str
    title: str


PROBLEMS: Mapping[type[errors.VasariError], Problem] = {
    errors.UsageError: Problem(400, "usage", "The request is wrong"),
    errors.QueryError: Problem(400, "query", "The query cannot be read"),
    errors.UnsupportedError: Problem(501, "unsupported", "This model or build cannot do it"),
    errors.NotFoundError: Problem(404, "not-found", "Not found"),
    errors.ImageError: Problem(422, "image", "Not a usable picture"),
    errors.ModelUnavailableError: Problem(503, "model-unavailable", "The model is not on this machine"),
    errors.LibraryLockedError: Problem(409, "library-locked", "Another job writes the library"),
    errors.LibraryCorruptError: Problem(500, "library-corrupt", "The library needs repair"),
    errors.MissingExtraError: Problem(501, "missing-extra", "A package is not installed"),
    errors.ReadOnlyError: Problem(403, "read-only", "This service only reads"),
    errors.StorageError: Problem(507, "storage", "The storage refuses"),
    errors.OverloadedError: Problem(429, "overloaded", "Too many requests"),
    errors.DeadlineError: Problem(504, "deadline", "Not finished in time"),  # abandoned work, too
    errors.VasariError: Problem(500, "failed", "It failed"),
}
_KINDS = {problem.name: kind for kind, problem in PROBLEMS.items()} | {"schema": errors.UsageError}


def problem_of(error: errors.VasariError) -> Problem:
    """The problem of the error's class, or of the nearest above it."""
    return next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)


def problem_members(error: errors.VasariError) -> Fields:
    """What an error knows beside its message, as extension members of its problem document."""
    match error:
        case errors.QueryError(column=int(column)):
            return {"query": error.text, "column": column}
        case errors.ImageError():
            return {"stage": error.stage}
        case errors.ModelUnavailableError():
            return {name: value for name in ("model", "command") if (value := getattr(error, name))}
        case errors.LibraryLockedError():
            return {"holder": error.holder}
        case errors.MissingExtraError():
            return {"package": error.package, "extra": error.extra}
    return {}


def read_problem(body: Mapping[str, Any], retry_after: float) -> errors.VasariError | None:
    """The library's own error that a problem document stands for; None for what only a service can refuse.

    Raises KeyError for what is no problem document.
    """
    detail = str(body["detail"])
    match _KINDS.get(str(body["type"]).rpartition(":")[2]):
        case errors.QueryError:
            return errors.QueryError(detail, body.get("query", ""), body.get("column"))
        case errors.ImageError:
            return errors.ImageError(detail, body.get("stage", "decode"))
        case errors.ModelUnavailableError:
            return errors.ModelUnavailableError(detail, body.get("model", ""), body.get("command", ""))
        case errors.LibraryLockedError:
            return errors.LibraryLockedError(detail, body.get("holder", ""))
        case errors.MissingExtraError:
            known = "package" in body  # an older service does not tell
            return errors.MissingExtraError(body["package"], body["extra"]) if known else None
        case errors.OverloadedError:
            return errors.OverloadedError(detail, retry_after)
        case None:
            return None
        case kind:
            return kind(detail)
