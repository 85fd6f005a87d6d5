"""Bodies of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from vasari.api.service.schemas.fields import Body, Id, example
from vasari.retrieval.models.ports import Detail


class JobBody(Body):
    """Work to be done in the background."""

    model_config = example(kind="index", paths=["/photos/2024"])

    kind: Literal["index", "caption", "read", "rerank", "regions", "rebuild", "map"]
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
    ids: Annotated[list[Id], Field(max_length=2000)] = Field(
        [], description="For `caption`: only these pictures; all, where there are none."
    )
    detail: Detail = Field("short", description="For `caption`.")
    again: bool = Field(False, description="For `read`: also what another version of the reader has read.")
    by: Literal["ocr", "captioner"] = Field(
        "ocr", alias="with", description="For `read`: RapidOCR, or the captioner where it can (Florence-2)."
    )
    regions: Literal[0, 4, 5, 9, 34] | None = Field(
        None,
        description="For `regions`: parts a picture, 0 forgets them; as many as others have, or 5, where left out.",
    )
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
