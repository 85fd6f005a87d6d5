"""Items, whole and in lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

from vasari.api.contract.scalars import Fields, clamped, moment, read_moment
from vasari.api.json_text import original
from vasari.retrieval.domain import Caption, CaptionSource, Item, Modality, TextLine


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
        "added_at": moment(item.added_at),
        "updated_at": moment(item.updated_at),
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
            "confidence": round(clamped(line.confidence), 4),
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
        added_at=read_moment(told.get("added_at")),
        updated_at=read_moment(told.get("updated_at")),
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
