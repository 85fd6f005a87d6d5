"""Bodies of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from vasari.api.service.schemas.fields import Body, example


class JobBody(Body):
    """Work to be done in the background."""

    model_config = example(kind="index", paths=["/photos/2024"])

    kind: Literal["index", "caption", "rebuild", "map"]
    paths: Annotated[list[Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=100)] = Field(
        [], description="For `index`: absolute paths below the folders that may be indexed."
    )
    exclude: Annotated[list[Annotated[str, StringConstraints(max_length=255)]], Field(max_length=100)] = (
        Field([])
    )
    hidden: bool = False
    retry_failed: bool = False
    allow_removal: Annotated[int, Field(ge=0)] = Field(
        0,
        description="For `index`: let go so many pictures where a folder lost more than half of what it had.",
    )
    detail: Literal["short", "detailed"] = Field("short", description="For `caption`.")
    index_kind: Literal["flat", "hnsw", "ivf", "rabitq", "milvus"] | None = Field(
        None, description="For `rebuild`."
    )


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
