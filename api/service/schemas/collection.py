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
    people: list[FacetValue]
    cities: list[FacetValue]
    countries: list[FacetValue]


class SuggestionAnswer(BaseModel):
    """A value by which the items can be narrowed down."""

    kind: str = Field(description="person, tag, place, camera or folder")
    field: str = Field(description="The field of filters that takes the value.")
    value: str
    count: int = Field(description="How many items have it.")


class SuggestAnswer(BaseModel):
    """What could be meant, the most frequent first."""

    suggestions: list[SuggestionAnswer]


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


class FairRankingAnswer(BaseModel):
    """How answers to words are ranked, as `vasari tune ranking` set it."""

    method: str = Field(description="dn or nnn.")
    weight: float
    gate: float = Field(
        description="Mean cosine with the bank's nearest texts from which on a picture is a hub."
    )
    texts: int = Field(description="In the bank.")
    source: str = Field(description="What the bank is made of.")


class RerankingAnswer(BaseModel):
    """How candidates are reranked, as `vasari tune ranking` measured."""

    top: int = Field(description="How many.")
    weight: float = Field(description="Of the reranker's score.")
    model: str = Field(description="The reranker that it was measured with.")


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
    fair_ranking: FairRankingAnswer | None = None
    reranking: RerankingAnswer | None = None
    generation: GenerationAnswer | None


class AbilityAnswer(BaseModel):
    """Whether something can be asked of the models here."""

    here: bool = Field(
        description="Whether the model is on the service's machine; of `regions`: whether parts of pictures are"
        " embedded."
    )
    model: str
    command: str | None = Field(
        description="What fetches the model, or embeds the parts, on the service's machine; null if it is here."
    )


class AbilitiesAnswer(BaseModel):
    """What can be asked of this service, as it is now."""

    abilities: dict[str, AbilityAnswer] = Field(
        description="By name: pictures (as queries), classify, rerank, match, why, caption, ask, locate, detect,"
        " regions."
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
    upgrade: str | None = Field(
        description="The model that takes over from the built-in one that the library began with, once it is fetched."
    )


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


class MonthAnswer(BaseModel):
    """The items of a month, the latest first."""

    month: str = Field(description="Such as 2024-05.")
    count: int
    by_file: int = Field(
        description="Of these: items that do not say when they were taken; their file's time counts."
    )
    shapes: str = Field(
        description="Base64 of a byte an item, in order: code c is a width over height of 0.5 · 6 ** (c / 255)."
    )


class TimelineAnswer(BaseModel):
    """When items were taken, the latest month first; months without any are left out."""

    total: int
    months: list[MonthAnswer]


class PlaceAnswer(BaseModel):
    """Items near each other."""

    latitude: float = Field(description="Of their middle, in degrees.")
    longitude: float
    count: int
    item: int = Field(description="The latest added of them.")
    city: str | None = Field(description="What most of them name, as far as they name any.")
    south: float = Field(description="The box around them, in degrees.")
    west: float
    north: float
    east: float


class PlacesAnswer(BaseModel):
    """Where items were taken, in clusters, the largest first."""

    total: int = Field(description="Items with a place, in the world.")
    inside: int = Field(description="Of these: items in the box that was asked for.")
    places: list[PlaceAnswer] = Field(description="1,000 at most.")
