"""Answers about the library as a whole."""

from __future__ import annotations

from pydantic import BaseModel, Field


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


class FieldAnswer(BaseModel):
    """A field of every item."""

    name: str
    holds: str = Field(description="What it is compared with.")


class FieldsAnswer(BaseModel):
    """What a filter may ask for."""

    fields: list[FieldAnswer]
    attributes: list[FacetValue] = Field(
        description="With how many items have each; attr.NAME names one too."
    )


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
    vectors: dict[str, int] = Field(description="Items with a vector, by modality.")
    absent: dict[str, int] = Field(
        description="Items without one, which a search does not find, by modality."
    )
    bytes: int = Field(description="On disk: vectors, indexes, exported models.")
    precision: str | None = Field(
        description="Of the form that encodes its pictures on CPUs, where one was chosen."
    )
    generation: GenerationAnswer | None


class AbilityAnswer(BaseModel):
    """Whether something can be asked of the models here."""

    here: bool = Field(description="Whether the model is on the service's machine.")
    model: str
    command: str | None = Field(
        description="What fetches the model, on the service's machine; null if it is here."
    )


class AbilitiesAnswer(BaseModel):
    """What can be asked of this service, as it is now."""

    abilities: dict[str, AbilityAnswer] = Field(
        description="By name: pictures (as queries), classify, rerank, match, why, caption, ask."
    )
    index_roots: list[str] = Field(description="Folders that the caller may have indexed.")
    drawings_only: bool = Field(
        description="Whether the library's model knows drawings only, and its pictures are others."
    )


class StatusAnswer(BaseModel):
    """What the library holds, by which models, and who writes it."""

    items: dict[str, int] = Field(description="By modality.")
    missing: int = Field(description="Items that are hidden, as their files are gone.")
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
