"""Bodies of requests and answers, with their limits and examples. Field names are those of the command line's JSON."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from retrieval.domain import Modality
from retrieval.search.query import MAX_TERMS, MAX_TEXT

LARGEST_ID = 2**63 - 1


def picture_bytes(value: object) -> object:
    """Base64, with or without `data:image/…;base64,` before it, as bytes."""
    if not isinstance(value, str):
        return value
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is no base64") from None
    if not data:
        raise ValueError("an empty picture")
    return data


Picture = Annotated[
    bytes,
    BeforeValidator(picture_bytes),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "minLength": 4,
            "description": "A picture file in base64; a data: URL will do too.",
        }
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"\S")]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Url = Annotated[str, StringConstraints(min_length=8, max_length=2048)]
Weight = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=9000)]
Filter = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
SpaceName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]


class Body(BaseModel):
    """What a request sends: unknown fields are refused, so that a misspelt one is not silently without effect.

    `files_go_to` names the field that takes the files of a multipart request.
    """

    model_config = ConfigDict(extra="forbid")
    files_go_to: ClassVar[str | None] = None


def example(**fields: Any) -> ConfigDict:
    """The configuration of a body with an example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


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

    top: Annotated[int, Field(ge=1, le=256)] = 32
    deadline_ms: Annotated[float, Field(gt=0, le=60_000)] | None = 800.0
    weight: Share = 0.5


class SearchBody(Body):
    """A question to the library: a query as typed, terms, or both."""

    model_config = example(query="a red boat - people", limit=3)
    files_go_to: ClassVar[str | None] = "terms"

    query: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = Field(
        None, description='As on the command line: 2:"a red boat" + item:42 - people', examples=["a red boat"]
    )
    terms: Annotated[list[TermBody], Field(max_length=MAX_TERMS)] = []
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


class SearchBatchBody(Body):
    """Several questions at once; their texts are embedded together."""

    model_config = example(requests=[{"query": "a red boat"}, {"query": "snow", "limit": 3}])

    requests: Annotated[list[SearchBody], Field(min_length=1, max_length=64)]


class ListedItem(BaseModel):
    """An item as lists show it."""

    id: int
    uri: str
    modality: Modality
    text: str | None
    captions: list[str]
    attributes: dict[str, Any]
    tags: list[str]
    width: int | None = Field(description="Pixels, upright: the place to keep before the picture is there.")
    height: int | None
    thumbnail: str | None = Field(description="Address of a small picture; it changes with the content.")


class HitAnswer(ListedItem):
    """One answer. `score` is the cosine, or the blended match score in [0, 1] once reranked."""

    score: float


class ItemsAnswer(BaseModel):
    """Items, the latest added first, and how many there are in all."""

    items: list[ListedItem]
    total: int


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
    reranked: bool
    explain: ExplainAnswer | None = None


class SearchBatchAnswer(BaseModel):
    """Answers in the order of the requests."""

    answers: list[SearchAnswer]


class CaptionField(BaseModel):
    """A sentence about an item."""

    text: str
    language: str | None
    source: Literal["user", "model"]


class ItemAnswer(BaseModel):
    """All that is known of an item."""

    id: int
    uri: str
    modality: Modality
    content_hash: str
    bytes: int
    width: int | None
    height: int | None
    format: str | None
    text: str | None
    captions: list[CaptionField]
    tags: list[str]
    attributes: dict[str, Any]
    added_at: datetime | None
    updated_at: datetime | None
    thumbnail: str | None


class CaptionBody(Body):
    """A sentence that a person says about an item."""

    text: Text
    language: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z0-9-]+$")] | None = None


Captions = Annotated[list[Text | CaptionBody], Field(max_length=100)]
Tags = Annotated[list[Tag], Field(max_length=100)]
Attributes = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=100)], JsonValue], Field(max_length=100)
]


class UploadBody(Body):
    """A picture for the library, with what is to be known of it."""

    model_config = example(image="iVBORw0KGgo…", captions=["our boat"], tags=["holiday"])
    files_go_to: ClassVar[str | None] = "image"

    image: Picture | None = None
    url: Url | None = Field(None, description="Instead of `image`, if the service allows fetching.")
    captions: Captions = []
    tags: Tags = []
    attributes: Attributes = {}


class PatchBody(Body):
    """Fields given replace what was there; attributes are merged, and null removes one."""

    model_config = example(tags=["holiday", "sea"], captions=["our boat"])

    captions: Captions | None = None
    tags: Tags | None = None
    attributes: Attributes | None = None


class JobBody(Body):
    """Work to be done in the background."""

    model_config = example(kind="index", paths=["/photos/2024"])

    kind: Literal["index", "caption", "rebuild", "map"]
    paths: Annotated[list[Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=100)] = Field(
        [], description="For `index`: absolute paths below VASARI_ROOTS."
    )
    exclude: Annotated[list[Annotated[str, StringConstraints(max_length=255)]], Field(max_length=100)] = []
    hidden: bool = False
    retry_failed: bool = False
    detail: Literal["short", "detailed"] = Field("short", description="For `caption`.")
    index_kind: Literal["flat", "hnsw", "ivf"] | None = Field(None, description="For `rebuild`.")


class JobAnswer(BaseModel):
    """A job. `state` is running, done, failed or cancelled."""

    id: int
    kind: str
    state: Literal["running", "done", "failed", "cancelled"]
    params: dict[str, Any]
    progress: dict[str, Any]
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None


class JobsAnswer(BaseModel):
    """Jobs, the latest first."""

    jobs: list[JobAnswer]


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:vasari:problem:not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "no item 42 in this library",
                    "instance": "urn:vasari:request:5f0c3d",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] | None = None


class PictureBody(Body):
    """One picture: exactly one of `image`, `url` and `item`."""

    files_go_to: ClassVar[str | None] = "image"

    image: Picture | None = None
    url: Url | None = None
    item: Id | None = None

    @model_validator(mode="after")
    def _one_picture(self) -> Self:
        if len([value for value in (self.image, self.url, self.item) if value is not None]) != 1:
            raise ValueError("give exactly one of image, url and item")
        return self


class MatchBody(PictureBody):
    """Does this sentence describe this picture?"""

    model_config = example(item=42, text="a red boat on a calm sea")

    text: Text


class MatchAnswer(BaseModel):
    """The probability that the sentence describes the picture."""

    score: Share


class ClassifyBody(PictureBody):
    """Which of these labels suits the picture?"""

    model_config = example(item=42, labels=["boat", "lighthouse", "cow"])

    labels: Annotated[list[Text], Field(min_length=1, max_length=1000)]
    templates: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = Field(
        None, description="Sentences with {} where the label goes.", examples=[["a photo of a {}"]]
    )


class LabelScore(BaseModel):
    """A label and its probability among the labels given."""

    label: str
    score: Share


class ClassifyAnswer(BaseModel):
    """Labels, the best first."""

    labels: list[LabelScore]


class DescribeBody(PictureBody):
    """A picture to be described."""

    model_config = example(item=42, detail="detailed")

    detail: Literal["short", "detailed"] = "short"


class DescribeAnswer(BaseModel):
    """A description of the picture."""

    caption: str


class AskBody(PictureBody):
    """A question about a picture."""

    model_config = example(item=42, question="How many boats are there?")

    question: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class AskAnswer(BaseModel):
    """A short answer."""

    answer: str


class FacetValue(BaseModel):
    """A value and how many items have it."""

    value: str
    count: int


class FacetsAnswer(BaseModel):
    """What the items can be narrowed down by, the most frequent values first."""

    total: int
    captioned: int = Field(description="Items with a caption.")
    folders: list[FacetValue]
    tags: list[FacetValue]
    cameras: list[FacetValue]
    years: list[FacetValue] = Field(description="In which pictures were taken.")


class GenerationAnswer(BaseModel):
    """An index over the pictures' vectors."""

    number: int
    kind: str
    rows: int


class SpaceAnswer(BaseModel):
    """An embedding space of the library."""

    name: str
    model: str
    dim: int
    default: bool
    vectors: dict[str, int] = Field(description="By modality.")
    generation: GenerationAnswer | None


class StatusAnswer(BaseModel):
    """What the library holds, by which models, and who writes it."""

    items: dict[str, int] = Field(description="By modality.")
    failures: int = Field(description="Files that could not be indexed.")
    spaces: list[SpaceAnswer]
    job: str | None = Field(description="What writes the library at the moment.")


class MapPoint(BaseModel):
    """An item's place, each coordinate in [-1, 1]."""

    id: int
    x: float
    y: float


class MapAnswer(BaseModel):
    """The collection in the plane: neighbours show alike."""

    space: str
    items: int = Field(description="Items when the map was made; of many, only some are points.")
    current: bool = Field(description="Whether nothing has changed since.")
    points: list[MapPoint]
