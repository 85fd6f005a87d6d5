"""Annotations in bulk: a change of many items, what it came to, and what takes it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vasari.api.contract.scalars import Fields
from vasari.api.json_text import original
from vasari.retrieval.catalog.records import Change, Changed, Undo
from vasari.retrieval.domain import Caption


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
