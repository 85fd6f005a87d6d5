"""Render: answers as lines for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vasari.retrieval.library.spaces import SpaceState

THINGS = {"image": "pictures", "text": "texts"}  # what a person calls items of a modality


def status_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """What a library holds; `fields` are `contract.status_fields`, and under "library" where it lies."""
    yield f"library   {fields['library']}"
    yield f"pictures  {fields['items']['image']:,}"
    if fields["items"]["text"]:
        yield f"texts     {fields['items']['text']:,}"
    if missing := fields.get("missing"):  # an older service does not tell
        yield f"missing   {missing:,}  (their files are gone; they come back with them, or `vasari purge`)"
    yield f"failures  {fields['failures']:,}" + ("  (vasari failures)" if fields["failures"] else "")
    for space in fields["spaces"]:
        mark = " (default)" if space["default"] else ""
        built = space["generation"]
        served = f"index {built['kind']} over {built['rows']:,}" if built else "exact search"
        yield f"space     {space['name']}{mark}: {space['dim']} numbers a vector, {served}"
        if lacking := _lacking(space["vectors"], space["absent"]):
            yield f"          {lacking} no vector in it: `vasari index --all --model {shlex.quote(space['model'])}`"
    if not fields["spaces"] and (items := sum(fields["items"].values())):
        them = "them" if items > 1 else "it"
        yield f"space     none: nothing is found before `vasari index --all --model MODEL` embeds {them} again"
    yield f"job       {fields['job'] or 'none'}"


def absent_words(state: SpaceState) -> str:
    """How many items have no vector in a space: "1 of 2 pictures have no vector in clip-1a2b3c4d"."""
    return f"{_lacking(state.vectors, state.absent)} no vector in {state.space.name}"


def remedy(state: SpaceState) -> str:
    """What makes a space complete."""
    return f"`vasari index --all --model {shlex.quote(state.space.model)}` embeds them"


def _lacking(vectors: Mapping[Any, int], absent: Mapping[Any, int]) -> str:
    """Who has none, with the verb; empty where all have one. By modality."""
    parts = [
        f"{absent[kind]:,} of {absent[kind] + vectors[kind]:,} {things}"
        for kind, things in THINGS.items()
        if absent[kind]
    ]
    return f"{' and '.join(parts)} have" if parts else ""
