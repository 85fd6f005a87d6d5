"""Settings of the service from the environment (prefix VASARI_), beside those of the library."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024


class ServiceSettings(BaseSettings):
    """All settings with their defaults; a test makes one from keyword arguments."""

    model_config = SettingsConfigDict(env_prefix="VASARI_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=7600, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)  # processes
    hosts: list[str] = []  # names under which it may be called (Host header); default: its own address
    cors_origins: list[str] = []  # web pages of other origins that may call it, e.g. https://photos.example
    roots: list[Path] = []  # folders that jobs may index; none: the home folder, for programs of this machine
    shared_roots: list[
        Path
    ] = []  # folders outside which no originals are shown; none: those of all items are
    json_logs: bool = False
    preload: Literal["none", "text", "all"] = (
        "text"  # models loaded at the start and not by the first request
    )

    text_precision: Literal["float32", "int8"] = (
        "float32"  # of query texts; int8 answers twice as many of them a second, with cosines of 0.999 to float32's
    )

    max_body_bytes: int = Field(default=64 * MEBIBYTE, ge=1024)
    bodies_bytes: int = Field(default=128 * MEBIBYTE, ge=1024)  # of all bodies that are being answered
    max_upload_bytes: int = Field(default=32 * MEBIBYTE, ge=1024)  # of one picture
    max_upload_pixels: int = Field(default=50_000_000, ge=1)  # of one picture; files on disk may have more
    uploads_bytes: int = Field(default=100 * 1024 * MEBIBYTE, ge=0)  # stored in all; 0: no limit
    uploads_free_bytes: int = Field(default=1024 * MEBIBYTE, ge=0)  # left free on the disk
    upload_key_bytes: int = Field(default=20 * 1024 * MEBIBYTE, ge=0)  # of a key in a day; 0: no limit
    upload_key_pictures: int = Field(default=20_000, ge=0)  # the same
    stop_timeout: float = Field(
        default=60.0, gt=0
    )  # seconds that open requests have at the end, and then jobs
    body_timeout: float = Field(
        default=20.0, gt=0
    )  # seconds without a byte of a request until it is given up

    search_threads: int = Field(
        default=32, ge=1
    )  # of searches and the catalog; searches wait there for a scan
    picture_threads: int = Field(default=8, ge=1)  # that read and decode pictures
    model_threads: int = Field(default=2, ge=1)  # for what takes seconds: second stages, classes, captions, …
    waiting: int = Field(
        default=256, ge=1
    )  # pieces of work that may wait for a thread or a batch; more answer 429
    batch_size: int = Field(default=64, ge=1)
    batch_wait_ms: float = Field(default=2.0, ge=0)  # that a request waits for company
    deadline_ms: float = Field(default=30_000.0, gt=0)  # for an answer; a request may ask for less
    cached_embeddings: int = Field(default=20_000, ge=0)
    cached_answers_days: int = Field(default=365, ge=0)  # how long a browser may keep a thumbnail

    rate_per_second: float = Field(default=50.0, ge=0)  # requests a second and key; 0: no limit
    rate_burst: int = Field(default=100, ge=1)

    remote_originals: bool = False  # may originals be read from the URLs they were indexed from?
    fetch_urls: bool = False  # may pictures be given by URL?
    fetch_hosts: list[str] = []  # from these hosts only: photos.example, *.photos.example
    fetch_timeout: float = Field(default=8.0, gt=0)  # seconds for the whole fetch, redirects included

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
