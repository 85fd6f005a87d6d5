"""Relevance judgments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vasari.api.contract.scalars import Fields, moment
from vasari.api.json_text import original
from vasari.retrieval.catalog.records import Judgment
from vasari.retrieval.domain import Modality


def judgment_fields(said: Judgment) -> Fields:
    """How right one person found an item for a query."""
    return {
        "query": said.query,
        "filter": said.filter,
        "item": said.item,
        "modality": said.modality,
        "grade": said.grade,
        "who": said.who,
        "at": moment(said.at),
    }


def read_judgment(body: Mapping[str, Any]) -> Judgment:
    """The way back."""
    told = original(body)
    modality, at = Modality(told["modality"]), datetime.fromisoformat(told["at"])
    return Judgment(told["query"], told["filter"], told["item"], modality, told["grade"], told["who"], at)
