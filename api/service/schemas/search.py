"""Bodies of searches and their answers."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from vasari.api.service.schemas.fields import (
    MOST_PICTURES,
    PICTURE_COST,
    Body,
    Filter,
    GroupBy,
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
from vasari.retrieval.domain import USUAL_TOP, GroupScore, Modality, Order
from vasari.retrieval.search.feedback import MOST
from vasari.retrieval.search.query import MAX_TERMS, MAX_TEXT


class TermBody(Body):
    """One part of a query: exactly one of `text`, `image`, `url` and `item`; a negative weight pushes away."""

    text: Text | None = None
    image: Picture | None = None
    url: Url | None = Field(None, description="A picture's address, if the service allows fetching.")
    item: Id | None = None
    weight: Weight = 1.0
    quoted: bool = Field(False, description="Of a text: its words must occur.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [value for value in (self.text, self.image, self.url, self.item) if value is not None]
        if len(given) != 1:
            raise ValueError("a term has exactly one of text, image, url and item")
        return self


class RerankOptions(Body):
    """Second stage: candidates are scored by cross-attention until the deadline."""

    top: Annotated[int, Whole, Field(ge=1, le=256)] = Field(
        USUAL_TOP,
        description="How many; where it is left out as VASARI_RERANK_TOP says or `vasari tune ranking` measured.",
    )
    deadline_ms: Annotated[float, Field(gt=0, le=60_000)] | None = 800.0
    weight: Share | None = Field(
        None,
        description="Of the match score; where it is left out as VASARI_RERANK_WEIGHT says or `vasari tune ranking`"
        " measured, else 0.5 (scenes-itm: 0.6).",
    )
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
    more: Annotated[list[Id], Field(max_length=MOST)] = Field(
        [], description="Items that hits should be more like (Rocchio's relevance feedback)."
    )
    less: Annotated[list[Id], Field(max_length=MOST)] = Field(
        [], description="Items that hits should be less like."
    )
    modality: Modality = Modality.IMAGE
    filter: Filter | None = Field(None, examples=['taken >= 2024-05-01 and camera = "X100V"'])
    limit: Limit = 10
    offset: Offset = 0
    space: SpaceName | None = None
    rerank: RerankOptions | None = None
    hybrid: bool | None = Field(
        None,
        description="Words beside vectors: by default where the query has any; true insists on some, false is off.",
    )
    words: Annotated[list[Text], Field(max_length=MAX_TERMS)] = Field(
        [], description="Each of them must be said of a hit, word for word.", examples=[["no entry"]]
    )
    collapse: bool = False
    regions: bool = Field(
        False, description="Look into parts of pictures, too, where these were embedded: for small things."
    )
    group_by: GroupBy | None = None
    group_score: GroupScore = Field(
        GroupScore.BEST,
        description="Of groups: ranked by the best item, or by the mean of their items' vectors.",
    )
    order: Order = Field(
        Order.BEST,
        description="`date`: the good matches (`min_relevance`, 0.8 where that is left out), of which the best"
        " thousand, by when they were taken, the latest first.",
    )
    diversify: Share | None = None
    min_relevance: Share | None = None
    exclude_query_items: bool = False
    explain: bool = False
    relevance: bool = Field(False, description="Tell of each hit how much better than chance it matches.")
    literally: bool = Field(
        False, description="Take texts as words only: no date, place or person in them becomes a filter."
    )
    as_words: Annotated[list[Text], Field(max_length=MAX_TERMS)] = Field(
        [],
        description="Stretches of the texts that are not understood but searched for.",
        examples=[["May 2018"]],
    )

    def pictures(self) -> int:
        """How many pictures it brings or names by URL."""
        return sum(term.image is not None or term.url is not None for term in self.terms)

    def cost(self) -> int:
        """1, and more for pictures, a second stage, and deep pages."""
        second = 0 if self.rerank is None else self.rerank.top // 4
        return 1 + PICTURE_COST * self.pictures() + second + (self.limit + self.offset) // 1000


class UnderstandBody(Body):
    """A query as typed."""

    model_config = example(query="Anna in Lisbon, May 2018")

    query: Annotated[str, StringConstraints(max_length=MAX_TEXT)] = Field(examples=["a red boat, May 2018"])
    today: date | None = Field(
        None, description='The day from which "last summer" is told; by default the service\'s.'
    )


class TermAnswer(BaseModel):
    """What is embedded."""

    text: str
    weight: float


class UnderstoodFilterAnswer(BaseModel):
    """A filter that was read out of a sentence."""

    filter: str
    text: str = Field(description="The words that it was read from.")
    kind: str = Field(description="date, place, person, camera, kind, orientation or size")


class CorrectionAnswer(BaseModel):
    """A typing error: the text as it is typed, and the word that it is read as."""

    text: str
    word: str


class UnderstandAnswer(BaseModel):
    """A typed query as it would be asked."""

    terms: list[TermAnswer]
    words: list[str] = Field(description="Quoted words, which must occur.")
    filters: list[UnderstoodFilterAnswer]
    corrections: list[CorrectionAnswer] = Field([], description="Typing errors that were put right.")


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
    relevance: float | None = Field(
        description="The share of unrelated queries that match nothing here as well, in [0, 1]; null unless asked for."
    )
    group: Any = Field(
        None, description="Of a search with `group_by`: what the items of the hit's group have in common."
    )
    members: int | None = Field(
        None, description="Of a search with `group_by`: how many items of the group could have been found."
    )
    region: tuple[int, int, int, int] | None = Field(
        None,
        description="Of a search with `regions`: the part of the picture that was found, left, top, right and bottom in"
        " pixels of the upright picture; null where all of it matches better.",
    )


class ShareAnswer(BaseModel):
    """What vectors and words brought to a hit's place, in standard deviations of what unrelated queries reach.

    `hub` is what fair ranking took off its cosine.
    """

    item: int
    vector: float
    words: float
    matched: list[str] = Field(description="Words of the query that are said of the item.")
    hub: float = 0.0


class ExplainAnswer(BaseModel):
    """How an answer came about: the strategy, and milliseconds per stage in the order they ran."""

    strategy: str
    candidates: int
    stages_ms: dict[str, float]
    notes: list[str]
    shares: list[ShareAnswer] = Field([], description="Of the hits, where words or fair ranking had a say.")
    understood: UnderstandAnswer | None = Field(None, description="What the query was asked as.")


class SentenceAnswer(BaseModel):
    """A sentence in its parts: English `text`, with `{name}` where one of the `values` belongs.

    A value is a number, a string, a list of English phrases, or a sentence in its parts.
    """

    text: str
    values: dict[str, Any]


class SearchAnswer(BaseModel):
    """Ranked hits. `total` is how many items could have matched."""

    hits: list[HitAnswer]
    total: int
    took_ms: float
    space: str
    reranked: bool = Field(description="Whether the second stage had its say; each hit says so of itself.")
    notes: list[str] = Field([], description="What the answer could not take into account, or do, and why.")
    said: list[SentenceAnswer] = Field(
        [], description="What each of the notes is made of, for saying it in another language."
    )
    understood: list[UnderstoodFilterAnswer] = Field(
        [], description="Filters that were read out of the query; `literally` or `as_words` takes them back."
    )
    corrections: list[CorrectionAnswer] = Field(
        [], description="Typing errors that were put right; `literally` or `as_words` takes them back."
    )
    explain: ExplainAnswer | None = None


class SearchBatchAnswer(BaseModel):
    """Answers in the order of the requests."""

    answers: list[SearchAnswer]
