"""Bodies about judgments: which items are right and wrong for a query."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from vasari.api.service.schemas.albums import Ids
from vasari.api.service.schemas.fields import Body, Filter, Text, Whole, example
from vasari.retrieval.catalog.judgments import HIGHEST_GRADE
from vasari.retrieval.domain import Modality
from vasari.retrieval.evaluation.compare import Verdict
from vasari.retrieval.evaluation.graded import MEASURES
from vasari.retrieval.evaluation.side_by_side import MEASURE

Grade = Annotated[int, Whole, Field(ge=0, le=HIGHEST_GRADE)]


class JudgmentBody(Body):
    """How right items are for a query, in place of what the same key said before."""

    model_config = example(query="a red boat", items=[1, 2], grade=1)

    query: Text = Field(description="As it was searched for.")
    filter: Filter | None = Field(None, description="The filter that the search had.")
    items: Ids
    grade: Grade = Field(1, description="0 is wrong, 1 and more are right, the more the better.")


class JudgmentAnswer(BaseModel):
    """How right one person found an item for a query."""

    query: str
    filter: str | None
    item: int
    modality: Modality
    grade: int
    who: str = Field(description="The name of the key; `local` while there are none.")
    at: datetime


class JudgmentsAnswer(BaseModel):
    """Judgments by query, item and person."""

    judgments: list[JudgmentAnswer]
    total: int = Field(description="How many there are, whatever the page.")


Setting = Annotated[str, StringConstraints(max_length=500)]


class CompareBody(Body):
    """Two settings to be compared over the library's judgments."""

    model_config = example(a="default", b="rerank, weight=0.3")

    a: Setting = Field(description="`default`, or what a search is asked with: see `vasari compare --help`.")
    b: Setting
    measure: Literal[MEASURES] = Field(MEASURE, description="The figure that decides.")  # type: ignore[valid-type]


class ComparisonAnswer(BaseModel):
    """How a figure of the second setting differs from that of the first, over all queries."""

    a: float
    b: float
    difference: float
    interval: list[float] = Field(description="95 %, of the same test as `p`.")
    p: float = Field(description="Two-sided, by Fisher's randomisation test.")
    detectable: float = Field(description="The difference that so many queries show in four of five cases.")
    verdict: Verdict


class ChangeAnswer(BaseModel):
    """A query that the settings answer differently: its figure, and the first items, by each."""

    query: str
    filter: str | None
    a: float
    b: float
    a_items: list[int]
    b_items: list[int]
    right: list[int]


class CompareAnswer(BaseModel):
    """Two settings side by side."""

    a: str
    b: str
    measure: str
    queries: int
    without_right: int = Field(description="Judged queries without a right item, which were left out.")
    verdict: Verdict = Field(description="Of the second setting, by `measure`.")
    figures: dict[str, ComparisonAnswer]
    changed: list[ChangeAnswer] = Field(description="The queries that changed most.")


class JudgedAnswer(BaseModel):
    """How many items were judged."""

    judged: int


class WithdrawnAnswer(BaseModel):
    """How many judgments were taken back."""

    withdrawn: int
