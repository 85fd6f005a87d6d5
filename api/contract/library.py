"""A library's status, its filter fields and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vasari.api.contract.scalars import Fields
from vasari.api.contract.spaces import space_fields
from vasari.retrieval.catalog.records import Failure
from vasari.retrieval.domain import Modality

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library


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
