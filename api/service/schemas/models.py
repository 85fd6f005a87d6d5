"""Bodies of what the models tell of one picture."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

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
from vasari.retrieval.library.understanding import PHOTO_TEMPLATES


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
