"""Hits for people: a line each, or a grid of pictures; on a terminal with header, colour and links.

A pipe gets the same lines plain, with absolute paths. What stands on a terminal may be shorter than it is (a path below
the current folder is relative), as a link to the file goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from vasari.api.cli import output, terminal
from vasari.retrieval.domain import Correction, Hit, Item, ItemId, SearchResponse, Share, UnderstoodFilter
from vasari.retrieval.storage.uris import is_url, locate

_INDENT = " " * 8
_DATED = re.compile(r"\btaken (?P<sign>between|[<>]?=|[<>]) ")


def show(response: SearchResponse, *, here: bool) -> None:
    """The hits, then how they were found; `here` if their files are those of this machine."""
    if response.hits:
        output.heading(" score  found")
    shares = {share.item: share for share in response.explain.shares} if response.explain else {}
    for hit in response.hits:
        _show_hit(hit, here=here)
        if hit.item.id in shares:
            output.entry(_INDENT, _share_line(shares[hit.item.id]))
    close(response)


def show_grid(response: SearchResponse, thumbnails: Mapping[ItemId, bytes], *, here: bool) -> None:
    """The pictures in a grid, each over its score and name; texts as lines."""
    from vasari.api.cli import preview  # brings Pillow, which a plain search leaves alone

    pictures = [hit for hit in response.hits if hit.item.text is None]
    preview.grid(
        [
            preview.Tile(
                hit.item.uri,
                _tile_name(hit),
                link_of(hit.item) if here else None,
                thumbnails.get(hit.item.id),
            )
            for hit in pictures
        ]
    )
    for hit in response.hits:
        if hit.item.text is not None:
            _show_hit(hit, here=here)
    close(response)


def close(response: SearchResponse) -> None:
    """What is to be said after the hits."""
    for text in _closing_lines(response):
        output.note(text)


def understood(found: Sequence[UnderstoodFilter]) -> str:
    """One line that tells what was read out of the query, and what takes it back."""
    told = ", ".join(map(_meant, found))
    return f"understood: {told} (--literally searches for the words)"


def _meant(read: UnderstoodFilter) -> str:
    """A filter in few words: of one of many parts what it was read from, for nobody would read it."""
    if read.filter.startswith("("):
        return f"{read.kind} “{read.text}”"
    return _DATED.sub(_in_words, read.filter)


def corrected(found: Sequence[Correction]) -> str:
    """One line that tells which typing errors were put right, and what takes that back."""
    return f"{', '.join(map(str, found))} (--literally searches for the words)"


def _in_words(found: re.Match[str]) -> str:
    words = {"=": "in", ">=": "since", "<": "before", ">": "after", "<=": "until", "between": "between"}
    return f"taken {words[found['sign']]} "


def link_of(item: Item) -> str | None:
    """Where a click on the item leads: its file, the archive that holds it, or its page; None for a text."""
    if item.text is not None:
        return None
    if is_url(item.uri):
        return item.uri if item.uri.startswith(("http://", "https://")) else None
    return terminal.file_url(locate(item.uri).file)


def _show_hit(hit: Hit, *, here: bool) -> None:
    """Score and path, or text, how many more its group has, and a caption under it where there is one."""
    name = hit.item.text or (output.relative(hit.item.uri) if here else hit.item.uri)
    others = (hit.members or 1) - 1
    where = "" if hit.region is None else "  in {},{} to {},{}".format(*hit.region)
    more = where + (f"  and {others:,} more" if others else "")
    output.entry(f"{hit.score:6.3f}  ", name, more, link=link_of(hit.item) if here else None, strong=True)
    if hit.item.captions:
        output.entry(f"{_INDENT}“", hit.item.captions[0].text, "”")


def _share_line(share: Share) -> str:
    """What a hit owes its place to."""
    words = f" + words {share.words:.2f} ({', '.join(share.matched)})" if share.matched else ""
    hub = f", {share.hub:.3f} taken off as a hub" if share.hub else ""
    return f"vector {share.vector:.2f}{words}{hub}"


def _tile_name(hit: Hit) -> str:
    return f"{hit.score:.3f} {PurePath(hit.item.uri).name or hit.item.uri}"


def _closing_lines(response: SearchResponse) -> Iterator[str]:
    """That there are no hits, and with `explain` how they were found."""
    if not response.hits:
        none_there = "nothing to search in: no item passes the filter, or there is none of this kind"
        told = "nothing found" if response.notes else none_there  # a note says why
        yield "no good match" if response.total else told
    if response.explain is not None:
        stages = ", ".join(f"{name} {ms:.1f} ms" for name, ms in response.explain.stages_ms.items())
        yield f"{response.explain.strategy}; {stages}; {response.took_ms:.1f} ms in all"
