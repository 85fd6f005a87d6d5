"""What a library holds, by which models, and who writes it: for `vasari status` and `GET /v1/status`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from retrieval.domain import Modality
from retrieval.library import Library
from retrieval.spaces import SpaceState


def status_fields(library: Library) -> dict[str, Any]:
    """The facts as JSON fields, but for where the library lies."""
    catalog = library.catalog
    holder = catalog.lease_holder()
    return {
        "items": {str(modality): catalog.count(modality) for modality in Modality},
        "missing": catalog.count_missing(),
        "failures": catalog.count_failures(),
        "spaces": [
            {**state.as_json(), "generation": _generation(library, state.space.name)}
            for state in library.spaces()
        ],
        "job": str(holder) if holder else None,
    }


def status_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """The facts for people; `fields` also tell under "library" where it lies."""
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
    yield f"job       {fields['job'] or 'none'}"


def absent_words(state: SpaceState) -> str:
    """How many items have no vector in a space: "1 of 2 pictures have no vector in clip-1a2b3c4d"."""
    return f"{_lacking(*(state.as_json()[kind] for kind in ('vectors', 'absent')))} no vector in {state.space.name}"


def remedy(state: SpaceState) -> str:
    """What makes a space complete."""
    return f"`vasari index --all --model {shlex.quote(state.space.model)}` embeds them"


def _lacking(vectors: Mapping[str, int], absent: Mapping[str, int]) -> str:
    """Who has none, with the verb; empty where all have one. By modality."""
    parts = [
        f"{absent[kind]:,} of {absent[kind] + vectors[kind]:,} {things}"
        for kind, things in (("image", "pictures"), ("text", "texts"))
        if absent[kind]
    ]
    return f"{' and '.join(parts)} have" if parts else ""


def _generation(library: Library, space: str) -> dict[str, Any] | None:
    active = library.catalog.active_generation(space, Modality.IMAGE)
    if active is None:
        return None
    return {"number": active.number, "kind": active.kind, "rows": active.rows}
