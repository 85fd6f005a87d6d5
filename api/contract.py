"""The JSON contract: how items, hits, answers and errors are spelled by `--json`, by HTTP and by the Python client.

Each kind of value has its fields (`…_fields`, domain value → JSON) and the way back (`read_…`), which does without
what an older service leaves out. `vasari.api.json_text` writes the documents. Nothing here does I/O or imports
pydantic: a test holds the schemas of OpenAPI against this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from vasari.api.json_text import original
from vasari.retrieval import errors
from vasari.retrieval.catalog.records import (
    Album,
    AlbumShare,
    Change,
    Changed,
    Failure,
    JobRecord,
    Judgment,
    Undo,
)
from vasari.retrieval.domain import (
    Caption,
    CaptionSource,
    EmbeddingSpace,
    Explain,
    FairRanking,
    Hit,
    Item,
    Modality,
    Region,
    SearchResponse,
    Share,
    Term,
    TermKind,
    TextLine,
    TunedRerank,
    Understanding,
    UnderstoodFilter,
)

if TYPE_CHECKING:
    from vasari.retrieval.evaluation.fair_ranking import Verdict
    from vasari.retrieval.library.duplicates import Duplicate
    from vasari.retrieval.library.library import Library
    from vasari.retrieval.library.reranking_depth import RerankVerdict
    from vasari.retrieval.library.spaces import SpaceState
    from vasari.retrieval.models.recommend import Candidate, Recommendation
    from vasari.retrieval.models.registry.presets import Preset

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
    lines = None if item.text_lines is None else text_line_fields(item.text_lines)
    return _facts(item) | {"captions": captions, "text_lines": lines}


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


def text_line_fields(lines: Iterable[TextLine]) -> list[Fields]:
    """Lines of text that were read in a picture."""
    return [
        {
            "text": line.text,
            "confidence": round(_share(line.confidence), 4),
            "corners": [list(corner) for corner in line.corners],
        }
        for line in lines
    ]


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
        text_lines=None if (lines := told.get("text_lines")) is None else tuple(map(_read_text_line, lines)),
    )


def _read_text_line(line: Mapping[str, Any]) -> TextLine:
    return TextLine(line["text"], line["confidence"], tuple((x, y) for x, y in line["corners"]))


def _read_captions(told: Mapping[str, Any]) -> Iterator[Caption]:
    languages = told.get("caption_languages", repeat(None))
    sources = told.get("caption_sources", repeat(CaptionSource.USER))
    for said, language, source in zip(told["captions"], languages, sources, strict=False):
        if isinstance(said, str):
            yield Caption(said, language, CaptionSource(source))
        else:
            yield Caption(said["text"], said["language"], CaptionSource(said["source"]))


def hit_fields(hit: Hit) -> Fields:
    """A listed item with its score: the cosine, or the blended match score in [0, 1] where it was reranked.

    `group` and `members` say what it stands for, where one of each group was asked for.
    """
    listed = listed_fields(hit.item)
    return {"id": listed["id"], **_judged(hit)} | listed


def _judged(hit: Hit) -> Fields:
    relevance = None if hit.relevance is None else _share(hit.relevance)
    return {
        "score": round(float(hit.score), 6),
        "reranked": hit.reranked,
        "relevance": relevance,
        "group": hit.group,
        "members": hit.members,
        "region": None if hit.region is None else list(hit.region),
    }


def response_fields(response: SearchResponse) -> Fields:
    """The answer to a search."""
    return {
        "hits": [hit_fields(hit) for hit in response.hits],
        "total": response.total,
        "took_ms": round(response.took_ms, 3),
        "space": response.space,
        "reranked": response.reranked,
        "notes": list(response.notes),
        "understood": [understood_filter_fields(found) for found in response.understood],
        "explain": None if response.explain is None else _explain_fields(response.explain),
    }


def _explain_fields(explain: Explain) -> Fields:
    return {
        "strategy": explain.strategy,
        "candidates": explain.candidates,
        "stages_ms": {stage: round(spent, 3) for stage, spent in explain.stages_ms.items()},
        "notes": list(explain.notes),
        "shares": [_share_fields(share) for share in explain.shares],
        "understood": None if explain.understood is None else understanding_fields(explain.understood),
    }


def _share_fields(share: Share) -> Fields:
    return {
        "item": share.item,
        "vector": round(share.vector, 4),
        "words": round(share.words, 4),
        "matched": list(share.matched),
        "hub": round(share.hub, 4),
    }


def read_response(body: Mapping[str, Any]) -> SearchResponse:
    """The answer to a search; an older service says only of all hits whether they were reranked."""
    explain, reranked = body.get("explain"), body["reranked"]
    return SearchResponse(
        hits=tuple(
            Hit(
                read_item(hit),
                hit["score"],
                hit.get("reranked", reranked),
                hit.get("relevance"),
                original(hit.get("group")),
                hit.get("members"),
                None if hit.get("region") is None else tuple(hit["region"]),
            )
            for hit in body["hits"]
        ),
        total=body["total"],
        took_ms=body["took_ms"],
        space=body["space"],
        reranked=reranked,
        explain=None if explain is None else _read_explain(explain),
        notes=tuple(original(body.get("notes", []))),
        understood=tuple(map(read_understood_filter, original(body.get("understood", [])))),
    )


def _read_explain(body: Mapping[str, Any]) -> Explain:
    shares = (
        Share(
            told["item"],
            told["vector"],
            told["words"],
            tuple(original(told["matched"])),
            told.get("hub", 0.0),
        )
        for told in body.get("shares", [])
    )
    notes, understood = tuple(original(body["notes"])), body.get("understood")
    return Explain(
        body["strategy"],
        body["candidates"],
        body["stages_ms"],
        notes,
        tuple(shares),
        None if understood is None else read_understanding(understood),
    )


# What people say of items, in bulk


def album_fields(album: Album) -> Fields:
    """An album; `count` is null where only a search can tell, `cover` is an item that stands for it."""
    return {
        "id": album.id,
        "name": album.name,
        "query": album.query,
        "filter": album.filter,
        "count": album.count,
        "cover": album.cover,
        "created_at": _moment(album.created_at),
        "updated_at": _moment(album.updated_at),
    }


def read_album(body: Mapping[str, Any]) -> Album:
    """The inverse."""
    moments = {name: _read_moment(body[name]) for name in ("created_at", "updated_at")}
    return Album(**{**original(body), **moments})


def share_fields(share: AlbumShare) -> Fields:
    """A link to an album, without its key."""
    return {
        "id": share.id,
        "name": share.name,
        "created_at": _moment(share.created_at),
        "expires_at": _moment(share.expires_at),
        "last_used_at": _moment(share.last_used_at),
    }


def read_share(body: Mapping[str, Any]) -> AlbumShare:
    """The inverse; with the key where the body has it."""
    moments = {name: _read_moment(body[name]) for name in ("created_at", "expires_at", "last_used_at")}
    return AlbumShare(**{**original(body), **moments})


def judgment_fields(said: Judgment) -> Fields:
    """How right one person found an item for a query."""
    return {
        "query": said.query,
        "filter": said.filter,
        "item": said.item,
        "modality": said.modality,
        "grade": said.grade,
        "who": said.who,
        "at": _moment(said.at),
    }


def read_judgment(body: Mapping[str, Any]) -> Judgment:
    """The way back."""
    told = original(body)
    modality, at = Modality(told["modality"]), datetime.fromisoformat(told["at"])
    return Judgment(told["query"], told["filter"], told["item"], modality, told["grade"], told["who"], at)


def changed_fields(changed: Changed) -> Fields:
    """What a change of many items came to; each entry of `undo` is a body that takes a part of it back."""
    undo = [{"ids": list(one.ids)} | change_fields(one.change) for one in changed.undo]
    return {"changed": changed.changed, "not_found": list(changed.not_found), "undo": undo}


def read_changed(body: Mapping[str, Any]) -> Changed:
    """The way back."""
    told = original(body)
    return Changed(told["changed"], told["not_found"], [_read_undo(one) for one in told["undo"]])


def _read_undo(body: Mapping[str, Any]) -> Undo:
    said = {name: value for name, value in body.items() if name not in ("ids", "add_captions")}
    captions = [Caption(one["text"], one["language"]) for one in body.get("add_captions", [])]
    return Undo(body["ids"], Change(**said, add_captions=captions))


def change_fields(change: Change) -> Fields:
    """A change of what is said of items, without what says nothing."""
    told: Fields = {
        "add_tags": list(change.add_tags),
        "remove_tags": list(change.remove_tags),
        "attributes": dict(change.attributes),
        "restore_attributes": list(change.restore_attributes),
        "add_to_albums": list(change.add_to_albums),
        "remove_from_albums": list(change.remove_from_albums),
        "add_captions": [{"text": said.text, "language": said.language} for said in change.add_captions],
        "remove_captions": list(change.remove_captions),
    }
    return {name: value for name, value in told.items() if value}


def understanding_fields(understood: Understanding) -> Fields:
    """A typed query as it is asked: what is embedded, which words must occur, and what became filters."""
    return {
        "terms": [{"text": _term_text(term), "weight": term.weight} for term in understood.terms],
        "words": list(understood.words),
        "filters": [understood_filter_fields(reading) for reading in understood.filters],
    }


def understood_filter_fields(reading: UnderstoodFilter) -> Fields:
    """A filter that was read out of a sentence, and the words that it was read from."""
    return {"filter": reading.filter, "text": reading.text, "kind": reading.kind}


def _term_text(term: Term) -> str:
    if term.item is not None:
        return f"item:{term.item}"
    return term.text if term.text is not None else str(term.image) if term.image is not None else ""


def read_understanding(body: Mapping[str, Any]) -> Understanding:
    """The inverse, but for pictures and items, which are told as texts."""
    told = original(body)
    return Understanding(
        tuple(Term(TermKind.TEXT, term["weight"], text=term["text"]) for term in told["terms"]),
        tuple(told["words"]),
        tuple(map(read_understood_filter, told["filters"])),
    )


def read_understood_filter(body: Mapping[str, Any]) -> UnderstoodFilter:
    """The inverse."""
    return UnderstoodFilter(body["filter"], body["text"], body["kind"])


# What models say of a picture


def duplicates_fields(found: Sequence[Duplicate]) -> Fields:
    """Whether a picture is known, and the items that it is a copy of, with the evidence."""
    return {"known": bool(found), "duplicates": [_duplicate_fields(one) for one in found]}


def _duplicate_fields(found: Duplicate) -> Fields:
    evidence = found.evidence
    return {
        "kind": str(found.kind),
        "item": listed_fields(found.item),
        "hash_distance": evidence.hash_distance,
        "cosine": None if evidence.cosine is None else round(evidence.cosine, 4),
        "agreement": None if evidence.agreement is None else round(evidence.agreement, 4),
        "box": [round(side, 4) for side in found.box],
    }


def read_duplicates(body: Mapping[str, Any]) -> list[Duplicate]:
    """The inverse."""
    from vasari.retrieval.images.overlap import CopyKind  # NumPy, which a plain search prints without
    from vasari.retrieval.library.duplicates import Duplicate, Evidence

    return [
        Duplicate(
            read_item(one["item"]),
            CopyKind(one["kind"]),
            Evidence(one["hash_distance"], one["cosine"], one["agreement"]),
            (one["box"][0], one["box"][1], one["box"][2], one["box"][3]),
        )
        for one in body["duplicates"]
    ]


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


def regions_fields(regions: Sequence[Region]) -> Fields:
    """Things in a picture; `box` is left, top, right and bottom in pixels of the whole picture, upright."""
    return {"regions": [{"label": r.label, "box": [r.left, r.top, r.right, r.bottom]} for r in regions]}


def read_regions(body: Mapping[str, Any]) -> list[Region]:
    """The inverse."""
    return [_read_region(entry) for entry in body["regions"]]


def _read_region(entry: Mapping[str, Any]) -> Region:
    left, top, right, bottom = entry["box"]
    return Region(left, top, right, bottom, original(entry["label"]))


def _share(score: float) -> float:
    return min(max(float(score), 0.0), 1.0)


# The models that there are


def recommendation_fields(found: Recommendation) -> Fields:
    """Models for a language by recall in percent, with what each costs here; `choice` is the one to take."""
    return {
        "language": found.language,
        "recall_is": found.recall_is,
        "source": found.source,
        "images": found.images,
        "memory_bytes": found.memory,
        "device": found.speed.device,
        "precision": found.speed.precision,
        "cores": found.speed.cores,
        "choice": found.choice and found.choice.preset.name,
        "pull": found.choice and pull_command(found.choice.preset),
        "open_choice": found.open_choice and found.open_choice.preset.name,
        "models": [_candidate_fields(candidate) for candidate in found.candidates],
    }


def pull_command(preset: Preset) -> str:
    """What fetches a preset; a licence that has to be agreed to is named by it."""
    return f"vasari models pull {preset.name}" + (" --accept-licence" if preset.ask_before_download else "")


def _candidate_fields(candidate: Candidate) -> Fields:
    return {
        "name": candidate.preset.name,
        "use": candidate.preset.use,
        "recall": candidate.recall,
        "pictures_per_second": round(candidate.pictures_per_second, 3),
        "seconds": round(candidate.seconds),
        "memory_bytes": candidate.memory_bytes,
        "download_bytes": candidate.preset.download_bytes,
        "licence": candidate.preset.licence,
        "restricted": candidate.restricted,
        "fits": candidate.fits,
        "outdone_by": candidate.outdone_by,
    }


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
        "upgrade": library.successor(),
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
        "fair_ranking": None if state.fair is None else fair_ranking_fields(state.fair),
        "reranking": state.reranking and asdict(state.reranking),
    }


def fair_ranking_fields(fair: FairRanking) -> Fields:
    """How a space ranks fairly, as `vasari tune ranking` set it."""
    return {
        "method": str(fair.method),
        "weight": fair.weight,
        "gate": round(fair.gate, 6),
        "texts": fair.texts,
        "source": fair.source,
    }


def tuned_fields(
    space: EmbeddingSpace,
    source: str,
    texts: int,
    verdict: Verdict,
    fair: FairRanking | None,
    second: RerankVerdict | None,
    reranking: TunedRerank | None,
) -> Fields:
    """What `vasari tune ranking` measured; `fair_ranking` and `reranking` are how the space ranks and reranks now.

    `second_looks` is null where no reranker is on this machine.
    """
    chosen = verdict.chosen
    return {
        "space": space.name,
        "bank": {"texts": texts, "source": source},
        "images": verdict.pictures,
        "queries": {kind: asdict(effect) for kind, effect in verdict.effects.items()},
        "chosen": chosen and {"method": str(chosen.method), "weight": chosen.weight, "hubs": chosen.hubs},
        "hub_skewness": list(verdict.skewness),
        "helps": verdict.helps,
        "fair_ranking": fair and fair_ranking_fields(fair),
        "second_looks": second and second_look_fields(second),
        "reranking": reranking and asdict(reranking),
    }


def second_look_fields(second: RerankVerdict) -> Fields:
    """How reranking was measured, in nDCG@10; intervals are of 95 %."""
    return {
        "queries": second.queries,
        "first_stage": second.first_stage,
        "usual": second.usual,
        "chosen": {**asdict(second.chosen), "nDCG@10": second.tuned},
        "depth": {"by_recall": second.depth, **_difference(*second.gain)},
        "weight": {
            "best": second.weight.best,
            **_difference(second.weight.difference, second.weight.low, second.weight.high),
        },
    }


def _difference(mean: float, low: float, high: float) -> Fields:
    return {"difference": mean, "interval": [low, high]}


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
