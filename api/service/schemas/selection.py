"""Bodies about what is done with many items at once."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator

from vasari.api.service.schemas.albums import Ids
from vasari.api.service.schemas.fields import Body, example

MOST_TRASHED = 500  # files of one request: each is read, and moved


class RemovalBody(Body):
    """Items that are to leave the library."""

    model_config = example(ids=[7, 8])

    ids: Ids
    trash: bool = Field(
        False,
        description="Their files go to the trash of the service's machine, where its settings allow that; at most 500.",
    )

    @model_validator(mode="after")
    def _few_files(self) -> Self:
        if self.trash and len(self.ids) > MOST_TRASHED:
            raise ValueError(f"at most {MOST_TRASHED} files go to the trash at once")
        return self

    def cost(self) -> int:
        """As many plain searches as it takes time."""
        return 1 + len(self.ids) // (20 if self.trash else 1000)


class StackBody(Body):
    """Pictures that are to be one stack, or in none."""

    model_config = example(ids=[7, 8])

    ids: Ids

    def cost(self) -> int:
        """As many plain searches as it takes time."""
        return 1 + len(self.ids) // 1000


class StackAnswer(BaseModel):
    """Pictures that are one stack from now on."""

    members: list[int]
    not_found: list[int] = Field(description="Those of the ids that are no pictures in the library.")


class UnstackAnswer(BaseModel):
    """Pictures that are in no stack from now on."""

    unstacked: list[int]
    not_found: list[int] = Field(description="Those of the ids that are no pictures in the library.")


class KeptAnswer(BaseModel):
    """An item that stays, and why."""

    item: int
    reason: str


class RemovalAnswer(BaseModel):
    """What was taken out."""

    removed: int
    not_found: list[int] = Field(description="Those of the ids that are not in the library.")
    kept: list[KeptAnswer] = Field([], description="With `trash`: items whose files could not go; both stay.")
