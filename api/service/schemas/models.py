"""Bodies of what the models tell of one picture."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from vasari.api.service.schemas.fields import (
    MODEL_COST,
    PICTURE_COST,
    TEXTS_A_TOKEN,
    Body,
    Id,
    Picture,
    Share,
    Text,
    Url,
    example,
)
from vasari.api.service.schemas.items import ListedItem
from vasari.retrieval.images.overlap import CopyKind
from vasari.retrieval.library.understanding import PHOTO_TEMPLATES
from vasari.retrieval.models.ports import Detail


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

    def cost(self) -> int:
        """A large model looks at the picture."""
        return MODEL_COST


class MatchBody(PictureBody):
    """Does this sentence describe this picture?"""

    model_config = example(item=42, text="a red boat on a calm sea")

    text: Text


class MatchAnswer(BaseModel):
    """How well the sentence describes the picture."""

    score: Share = Field(description="The probability that it does.")


class DuplicatesBody(Body):
    """Is this picture one that the library has? Exactly one of `image` and `url`."""

    files_go_to: ClassVar[str | None] = "image"
    model_config = example(url="https://example.org/a.jpg")

    image: Picture | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _one_picture(self) -> Self:
        if (self.image is None) == (self.url is None):
            raise ValueError("give exactly one of image and url")
        return self

    def cost(self) -> int:
        """It is embedded, and some pictures are looked at."""
        return MODEL_COST


class DuplicateAnswer(BaseModel):
    """An item that the picture is a copy of, with the evidence."""

    kind: CopyKind
    item: ListedItem
    hash_distance: int | None = Field(description="Bits of 64 in which the perceptual hashes differ.")
    cosine: float | None = Field(description="Of the vectors.")
    agreement: Share | None = Field(
        description="Share of equal blocks; null where the original cannot be read."
    )
    box: list[float] = Field(
        description="Where the smaller picture lies in the larger: left, top, width, height as shares of its sides."
    )


class DuplicatesAnswer(BaseModel):
    """Whether the picture is known, and as what."""

    known: bool
    duplicates: list[DuplicateAnswer] = Field(description="The surest first.")


class ClassifyBody(PictureBody):
    """Which of these labels suits the picture?"""

    model_config = example(item=42, labels=["boat", "lighthouse", "cow"])

    labels: Annotated[list[Text], Field(min_length=1, max_length=1000)]
    templates: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = Field(
        None, description="Sentences with {} where the label goes.", examples=[["a photo of a {}"]]
    )

    def cost(self) -> int:
        """The picture, and a text for each label and template."""
        texts = len(self.labels) * len(self.templates or PHOTO_TEMPLATES)
        return PICTURE_COST + texts // TEXTS_A_TOKEN


class LabelScore(BaseModel):
    """A label and how well it suits the picture."""

    label: str
    score: Share = Field(description="Its probability among the labels given.")


class ClassifyAnswer(BaseModel):
    """Labels, the best first."""

    labels: list[LabelScore]


class DescribeBody(PictureBody):
    """A picture to be described."""

    model_config = example(item=42, detail="detailed")

    detail: Detail = Field("short", description="A sentence, all there is to see, or a paragraph (`more`).")


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


class LocateBody(PictureBody):
    """Where in the picture is this to be seen?"""

    model_config = example(item=42, phrase="a red boat")

    phrase: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class DetectBody(PictureBody):
    """Which things are in the picture, and where?"""

    model_config = example(item=42)

    describe: bool = Field(False, description="Say what each looks like, instead of its name.")


class RegionFields(BaseModel):
    """A thing in the picture."""

    label: str
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom in pixels of the whole picture, upright (after EXIF orientation)."
    )


class RegionsAnswer(BaseModel):
    """Things in the picture; none where nothing of what was asked for is seen."""

    regions: list[RegionFields]


class CandidateAnswer(BaseModel):
    """A preset, how well it finds, and what it costs on this machine."""

    name: str
    use: str
    recall: float = Field(description="In percent; `recall_is` says of what.")
    pictures_per_second: float = Field(description="Decoded and embedded.")
    seconds: int = Field(description="For `images` pictures.")
    memory_bytes: int = Field(description="Peak of a first job, estimated.")
    download_bytes: int
    licence: str
    restricted: bool = Field(description="Whether the licence has to be agreed to.")
    fits: bool = Field(description="Whether `memory_bytes` of the answer suffice.")
    outdone_by: str | None = Field(description="A preset that finds more in no more time and memory.")


class RecommendationAnswer(BaseModel):
    """Models for a language, the one of the best recall first."""

    language: str
    recall_is: str
    source: str
    images: int
    memory_bytes: int | None = Field(description="What a job may take; null: not known.")
    device: str
    precision: str
    cores: int
    choice: str | None = Field(description="The preset to take; null where memory suffices for none.")
    pull: str | None = Field(description="The command that fetches it.")
    open_choice: str | None = Field(
        description="Where the licence of `choice` has to be agreed to: the one to take of those with an open licence."
    )
    models: list[CandidateAnswer]
