"""What a library holds, by which models, and who writes it: for `vasari status` and `GET /v1/status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retrieval.domain import Modality
from retrieval.library import Library


def status_fields(library: Library) -> dict[str, Any]:
    """The facts as JSON fields, but for where the library lies."""
    catalog = library.catalog
    default = catalog.default_space()
    holder = catalog.lease_holder()
    return {
        "items": {str(modality): catalog.count(modality) for modality in Modality},
        "failures": catalog.count_failures(),
        "spaces": [
            {
                "name": space.name,
                "model": space.model,
                "dim": space.dim,
                "default": space == default,
                "vectors": {str(m): len(library.gallery(m, space)) for m in Modality},
                "generation": _generation(library, space.name),
            }
            for space in catalog.spaces()
        ],
        "job": str(holder) if holder else None,
    }


def status_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """The facts for people; `fields` also tell under "library" where it lies."""
    yield f"library   {fields['library']}"
    yield f"pictures  {fields['items']['image']:,}"
    if fields["items"]["text"]:
        yield f"texts     {fields['items']['text']:,}"
    yield f"failures  {fields['failures']:,}" + ("  (vasari failures)" if fields["failures"] else "")
    for space in fields["spaces"]:
        mark = " (default)" if space["default"] else ""
        built = space["generation"]
        served = f"index {built['kind']} over {built['rows']:,}" if built else "exact search"
        yield f"space     {space['name']}{mark}: {space['dim']} numbers a vector, {served}"
    yield f"job       {fields['job'] or 'none'}"


def _generation(library: Library, space: str) -> dict[str, Any] | None:
    active = library.catalog.active_generation(space, Modality.IMAGE)
    if active is None:
        return None
    return {"number": active.number, "kind": active.kind, "rows": active.rows}
