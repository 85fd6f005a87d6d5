"""Settings of the service: those of the library, and these."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vasari.retrieval.settings import (
    DAY,
    MEBIBYTE,
    Settings,
    http_address,
    number,
    one_of,
    path,
    setting,
    several,
    text,
    yes_or_no,
)

Preload = Literal["none", "text", "all"]
TextPrecision = Literal["float32", "int8"]
_SOME, _ONE, _AMOUNT = number(int, 0), number(int, 1), number(float, 0)
_TIME, _SECONDS = number(float, 0.001), number(float, 0.001, DAY)
_BYTES = number(int, 1024)


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(Settings):
    """All settings with their defaults; a test makes one from keyword arguments."""

    host: str = setting("127.0.0.1", text, "address to serve")
    port: int = setting(7600, number(int, 0, 65535), "port to serve; 0: any that is free")
    workers: int = setting(1, number(int, 1, 64), "processes")
    hosts: Sequence[str] = setting(
        (), several(text), "names it may be called by (Host header)", "the own address"
    )
    cors_origins: Sequence[str] = setting((), several(text), "pages of other origins that may call it")
    roots: Sequence[Path] = setting(
        (),
        several(path),
        "folders that jobs may index",
        "the home folder, while there are no keys and only this machine is served; else none",
    )
    shared_roots: Sequence[Path] = setting(
        (),
        several(path),
        "originals outside these folders are not shown (uploads are); what may be indexed is another matter",
        "those of all items are shown",
    )
    json_logs: bool = setting(False, yes_or_no, "one JSON object a line")
    traces: str | None = setting(
        None,
        http_address,
        "OpenTelemetry collector that takes traces (OTLP over HTTP, the extra `otel`), such as http://127.0.0.1:4318",
        "no traces",
    )
    traces_share: float = setting(
        1.0,
        number(float, 0, 1),
        "share of the requests that are traced; callers with a `traceparent` say so themselves",
    )
    preload: Preload = setting(
        "text", one_of(Preload), "load no model (none), the text tower (text), or all at the start"
    )
    idle_seconds: float = setting(
        900.0, _AMOUNT, "seconds without use after which a model leaves memory until it is needed; 0: never"
    )
    text_precision: TextPrecision = setting(
        "float32",
        one_of(TextPrecision),
        "int8 embeds query texts about twice as fast, with vectors of cosine 0.999 to the model's own; left in float32,"
        " and said in the log, where they would be below 0.99",
    )

    max_body_bytes: int = setting(64 * MEBIBYTE, _BYTES, "of a request")
    bodies_bytes: int = setting(
        128 * MEBIBYTE,
        _BYTES,
        "of all bodies beyond 64 KiB that a process reads or answers at a time; the next is told 429",
    )
    max_upload_bytes: int = setting(32 * MEBIBYTE, _BYTES, "of one picture that is sent")
    max_upload_pixels: int = setting(
        50_000_000, _ONE, "of one picture that is sent; files on disk may have `MAX_IMAGE_PIXELS`"
    )
    uploads_bytes: int = setting(
        100 * 1024 * MEBIBYTE, _SOME, "that all uploads may take (0: no limit); beyond: 507"
    )
    uploads_free_bytes: int = setting(
        1024 * MEBIBYTE, _SOME, "that uploads leave free on the disk; beyond: 507"
    )
    upload_key_bytes: int = setting(
        20 * 1024 * MEBIBYTE,
        _SOME,
        "that a key may upload in a day and process (0: no limit); beyond: 429. Programs on this machine, without a"
        " key, are not counted",
    )
    upload_key_pictures: int = setting(20_000, _SOME, "that a key may upload in a day and process; as before")
    stop_timeout: float = setting(60.0, _SECONDS, "seconds that open requests have at the end, and then jobs")
    body_timeout: float = setting(
        20.0, _SECONDS, "seconds without a byte of a body until the request is given up"
    )

    search_threads: int = setting(32, _ONE, "searches, and questions to the catalog, at once")
    picture_threads: int = setting(8, _ONE, "threads that read and decode pictures")
    model_threads: int = setting(
        2, _ONE, "threads that rerank, classify, describe, answer and draw heat maps"
    )
    waiting: int = setting(
        256, _ONE, "pieces of work that may wait for a thread or a batch; the next is told 429"
    )
    batch_size: int = setting(64, _ONE, "inputs a model call")
    batch_wait_ms: float = setting(2.0, _AMOUNT, "milliseconds that a request waits for company")
    deadline_ms: float = setting(30_000.0, _TIME, "milliseconds until an answer; a request may ask for less")
    cached_embeddings: int = setting(20_000, _SOME, "vectors of queries in memory")
    cached_answers_days: int = setting(365, _SOME, "days that a browser may keep a thumbnail")

    rate_per_second: float = setting(
        50.0, _AMOUNT, "cost a second, key and process (see [operations](operations.md)); 0: no limit"
    )
    rate_burst: int = setting(100, _ONE, "cost at once")

    fetch_urls: bool = setting(False, yes_or_no, "whether pictures may be given by URL")
    fetch_hosts: Sequence[str] = setting((), several(text), "from these hosts only, `*.example.org` too")
    fetch_timeout: float = setting(8.0, _SECONDS, "seconds for the whole fetch, redirects included")

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
