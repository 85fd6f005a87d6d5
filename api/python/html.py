"""Hits as HTML for a notebook: a grid of thumbnails inside the page, with no script and no request to anywhere."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from pathlib import PurePath

from vasari.retrieval.domain import Hit, Item
from vasari.retrieval.errors import VasariError

MOST = 48  # pictures shown: each is some 10 kB of the notebook's file
_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:12px;max-width:960px"
_FIGURE = "margin:0;font:12px/1.4 system-ui,sans-serif;overflow-wrap:anywhere"
_PICTURE = "width:100%;height:150px;object-fit:contain;background:rgba(128,128,128,.12);border-radius:4px"


def gallery(hits: Sequence[Hit], thumbnail: Callable[[Item], bytes] | None, notes: Sequence[str] = ()) -> str:
    """The hits, the first `MOST` of them with score and name; a text is quoted."""
    figures = "".join(_figure(hit, thumbnail) for hit in hits[:MOST])
    more = [f"and {len(hits) - MOST:,} more"] if len(hits) > MOST else []
    said = "".join(f"<p>{escape(line)}</p>" for line in [*more, *notes, *([] if hits else ["no match"])])
    return f'<div><div style="{_GRID}">{figures}</div>{said}</div>'


def _figure(hit: Hit, thumbnail: Callable[[Item], bytes] | None) -> str:
    item = hit.item
    shown = f"<blockquote>{escape(item.text)}</blockquote>" if item.text else _picture(item, thumbnail)
    name = "" if item.text else f" {escape(PurePath(item.uri).name or item.uri)}"
    caption = f"<figcaption><b>{hit.score:.3f}</b>{name}</figcaption>"
    return f'<figure style="{_FIGURE}" title="{escape(item.uri)}">{shown}{caption}</figure>'


def _picture(item: Item, thumbnail: Callable[[Item], bytes] | None) -> str:
    """An `img` with the picture in it, or why there is none: a file that is gone spoils no answer."""
    if thumbnail is None:
        return f'<div style="{_PICTURE}"></div>'
    try:
        data = base64.b64encode(thumbnail(item)).decode()
    except VasariError as error:
        return f'<div style="{_PICTURE}">{escape(str(error))}</div>'
    alt = item.captions[0].text if item.captions else PurePath(item.uri).name
    return f'<img alt="{escape(alt)}" src="data:image/webp;base64,{data}" style="{_PICTURE}">'
