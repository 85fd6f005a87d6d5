"""From domain values to the bodies of answers, and from the bodies of requests to domain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.service.problems import plain, printable
from api.service.schemas.items import CaptionBody, CaptionField, ItemAnswer, ListedItem
from api.service.schemas.jobs import JobAnswer
from api.service.schemas.search import ExplainAnswer, HitAnswer, SearchAnswer
from retrieval.catalog.encoding import stored_uri
from retrieval.catalog.records import JobRecord
from retrieval.domain import Caption, Hit, Item, Modality, SearchResponse


def search_answer(response: SearchResponse) -> SearchAnswer:
    """A whole answer, by the same contract as `vasari search --json`."""
    explain = response.explain
    return SearchAnswer(
        hits=[hit_answer(hit) for hit in response.hits],
        total=response.total,
        took_ms=round(response.took_ms, 3),
        space=response.space,
        reranked=response.reranked,
        notes=[plain(note) for note in response.notes],
        explain=None
        if explain is None
        else ExplainAnswer(
            strategy=explain.strategy,
            candidates=explain.candidates,
            stages_ms={stage: round(spent, 3) for stage, spent in explain.stages_ms.items()},
            notes=[plain(note) for note in explain.notes],
        ),
    )


def hit_answer(hit: Hit) -> HitAnswer:
    """One hit."""
    return HitAnswer(**_listed(hit.item), score=round(float(hit.score), 6))


def listed_item(item: Item) -> ListedItem:
    """One item of a list."""
    return ListedItem(**_listed(item))


def _listed(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "uri": stored_uri(item.uri),
        "modality": item.modality,
        "text": item.text,
        "captions": [caption.text for caption in item.captions],
        "attributes": dict(item.attributes),
        "tags": list(item.tags),
        "width": item.width,
        "height": item.height,
        "thumbnail": thumbnail_address(item),
    }


def item_answer(item: Item) -> ItemAnswer:
    """One item."""
    return ItemAnswer(
        id=item.id,
        uri=stored_uri(item.uri),
        modality=item.modality,
        content_hash=item.content_hash,
        bytes=item.bytes,
        width=item.width,
        height=item.height,
        format=item.format,
        text=item.text,
        captions=[
            CaptionField(text=caption.text, language=caption.language, source=caption.source.value)
            for caption in item.captions
        ],
        tags=list(item.tags),
        attributes=dict(item.attributes),
        added_at=item.added_at,
        updated_at=item.updated_at,
        thumbnail=thumbnail_address(item),
    )


def thumbnail_address(item: Item) -> str | None:
    """Where the item's small picture is; with the content's hash, so that browsers may keep it for ever."""
    if item.modality is not Modality.IMAGE:
        return None
    return f"/v1/items/{item.id}/thumbnail?v={item.content_hash}"


def job_answer(job: JobRecord) -> JobAnswer:
    """One job."""
    return JobAnswer(
        id=job.id,
        kind=job.kind,
        state=job.state,  # type: ignore[arg-type]  # the catalog keeps a string
        params=_printable(dict(job.params)),
        progress=_printable(dict(job.progress)),
        started_at=job.started_at,
        heartbeat_at=job.heartbeat_at,
        finished_at=job.finished_at,
    )


def captions_of(given: Sequence[str | CaptionBody]) -> tuple[Caption, ...]:
    """Sentences as the library keeps them."""
    return tuple(
        Caption(entry) if isinstance(entry, str) else Caption(entry.text, entry.language) for entry in given
    )


def _printable(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {printable(str(key)): _printable(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_printable(entry) for entry in value]
    return value
