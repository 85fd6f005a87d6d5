"""Bodies of searches and their answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from vasari.api.service.schemas.fields import (
    MOST_PICTURES,
    PICTURE_COST,
    Body,
    Filter,
    Id,
    Limit,
    Offset,
    Picture,
    Share,
    SpaceName,
    Text,
    Url,
    Weight,
    Whole,
    example,
)
from vasari.api.service.schemas.items import ListedItem
from vasari.retrieval.domain import Modality
from vasari.retrieval.search.query import MAX_TERMS, MAX_TEXT


class TermBody(Body):
    """One part of a query: exactly one of `text`, `image`, `url` and `item`; a negative weight pushes away."""

    text: Text | None = None
    image: Picture | None = None
    url: Url | None = Field(None, description="A picture's address, if the service allows fetching.")
    item: Id | None = None
    weight: Weight = 1.0

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [value for value in (self.text, self.image, self.url, self.item) if value is not None]
        if len(given) != 1:
            raise ValueError("a term has exactly one of text, image, url and item")
        return self


class RerankOptions(Body):
    """Second stage: candidates are scored by cross-attention until the deadline."""

    top: Annotated[int, Whole, Field(ge=1, le=256)] = 32
    deadline_ms: Annotated[float, Field(gt=0, le=60_000)] | None = 800.0
    weight: Share = 0.5
    required: bool = Field(
        False,
        description="Fail where there is no such model, instead of answering in the first stage's order.",
    )


class SearchBody(Body):
    """A question to the library: a query as typed, terms, or both."""

    model_config = example(query="a red boat - people", limit=3)
    files_go_to: ClassVar[str | None] = "terms"

    query: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = Field(
        None, description='As on the command line: 2:"a red boat" + item:42 - people', examples=["a red boat"]
    )
    terms: Annotated[list[TermBody], Field(max_length=MAX_TERMS)] = Field([])
    modality: Modality = Modality.IMAGE
    filter: Filter | None = Field(None, examples=['taken >= 2024-05-01 and camera = "X100V"'])
    limit: Limit = 10
    offset: Offset = 0
    space: SpaceName | None = None
    rerank: RerankOptions | None = None
    hybrid: bool = False
    collapse: bool = False
    diversify: Share | None = None
    min_relevance: Share | None = None
    exclude_query_items: bool = False
    explain: bool = False

    def pictures(self) -> int:
        """How many pictures it brings or names by URL."""
        return sum(term.image is not None or term.url is not None for term in self.terms)

    def cost(self) -> int:
        """1, and more for pictures, a second stage, and deep pages."""
        second = 0 if self.rerank is None else self.rerank.top // 4
        return 1 + PICTURE_COST * self.pictures() + second + (self.limit + self.offset) // 1000


class SearchBatchBody(Body):
    """Several questions at once; their texts are embedded together."""

    model_config = example(requests=[{"query": "a red boat"}, {"query": "snow", "limit": 3}])

    requests: Annotated[list[SearchBody], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _few_pictures(self) -> Self:
        if sum(one.pictures() for one in self.requests) > MOST_PICTURES:
            raise ValueError(f"a request has at most {MOST_PICTURES} pictures")
        return self

    def cost(self) -> int:
        """That of all its questions."""
        return sum(one.cost() for one in self.requests)


class HitAnswer(ListedItem):
    """One answer. `score` is the cosine in [-1, 1], or the blended match score in [0, 1] where it is `reranked`."""

    score: float
    reranked: bool


class ExplainAnswer(BaseModel):
    """How an answer came about: the strategy, and milliseconds per stage in the order they ran."""

    strategy: str
    candidates: int
    stages_ms: dict[str, float]
    notes: list[str]


class SearchAnswer(BaseModel):
    """Ranked hits. `total` is how many items could have matched."""

    hits: list[HitAnswer]
    total: int
    took_ms: float
    space: str
    reranked: bool = Field(description="Whether the second stage had its say; each hit says so of itself.")
    notes: list[str] = Field([], description="What the answer could not take into account, or do, and why.")
    explain: ExplainAnswer | None = None


class SearchBatchAnswer(BaseModel):
    """Answers in the order of the requests."""

    answers: list[SearchAnswer]
