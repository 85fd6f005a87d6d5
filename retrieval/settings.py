"""Settings from the environment (prefix VASARI_); nothing else reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Settings(BaseSettings):
    """All settings with their defaults; a test makes one from keyword arguments."""

    model_config = SettingsConfigDict(env_prefix="VASARI_", frozen=True, extra="ignore")

    library: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("vasari")) / "default")
    database_url: str | None = None  # default: catalog.sqlite3 in the library
    vectors: str | None = None  # default: files in the library; milvus+http://… for Milvus
    model: str = "fast"  # preset or model reference for a new library
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    precision: Precision = "auto"
    reranker: str | None = None  # preset or directory; default: to suit the library's model
    captioner: str | None = None  # the same
    reranker_cache_bytes: int = 512 * 1024 * 1024  # picture features kept between queries
    threads: int | None = None  # CPU threads of the encoder; default: all cores
    max_image_bytes: int = 256 * 1024 * 1024
    max_image_pixels: int = 200_000_000
    offline: bool = False  # never ask a model hub
    hub_timeout: float = 8.0  # seconds until an unreachable hub is given up
