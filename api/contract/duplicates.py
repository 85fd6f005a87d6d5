"""Copies of a picture that a library has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vasari.api.contract.items import listed_fields, read_item
from vasari.api.contract.scalars import Fields

if TYPE_CHECKING:
    from vasari.retrieval.library.duplicates import Duplicate


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
