"""`vasari serve`: the HTTP service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from vasari.api.cli import logs, output
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import FILE, Integer, command, given, library_option
from vasari.retrieval.storage.uris import local_path


@command(example="vasari serve --port 7600")
@click.option("--host", help="Address to serve. [env: VASARI_HOST; default: 127.0.0.1]")
@click.option("--port", type=Integer(0, 65535), help="Port. [env: VASARI_PORT; default: 7600]")
@click.option("--workers", type=Integer(1, 64), help="Processes. [env: VASARI_WORKERS; default: 1]")
@click.option(
    "--root",
    type=FILE,
    multiple=True,
    help="Folder that may be indexed over HTTP; may be repeated. [env: VASARI_ROOTS; default: the home folder"
    " while there are no keys]",
)
@click.option(
    "--share-root",
    type=FILE,
    multiple=True,
    help="Show no originals outside this folder; may be repeated. [env: VASARI_SHARED_ROOTS]",
)
@click.option("--json-logs", is_flag=True, help="Log JSON lines. [env: VASARI_JSON_LOGS]")
@click.option(
    "--read-only",
    is_flag=True,
    help="Be a replica: search, and write nothing. [env: VASARI_READ_ONLY]",
)
@library_option
def serve(
    host: str | None,
    port: int | None,
    workers: int | None,
    root: tuple[Path, ...],
    share_root: tuple[Path, ...],
    json_logs: bool,
    read_only: bool,
    library: Path | None,
) -> None:
    """Serve the search page and the HTTP API until Ctrl-C."""
    # These bring FastAPI, which takes a second; help and complaints do not wait for it.
    from vasari.api.service.runtime.tracing import require_opentelemetry
    from vasari.api.service.server import free_port, refuse_without_keys
    from vasari.api.service.server import serve as run
    from vasari.api.service.settings import ServiceSettings

    settings = ServiceSettings(
        **given(
            host=host,
            port=port,
            workers=workers,
            roots=_folders(root),
            shared_roots=_folders(share_root),
            json_logs=json_logs or None,
            log_level=logs.shown(),
            read_only=read_only or None,
            library=library.expanduser().absolute() if library is not None else None,
        )
    )
    if settings.traces is not None:
        require_opentelemetry()
    settings = replace(settings, port=free_port(settings.host, settings.port))
    with filling(None, settings) as opened:
        refuse_without_keys(settings, opened.catalog)
        where = opened.root
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    output.note(f"serving {where} at http://{shown}:{settings.port}/ (Ctrl-C stops)")
    run(settings)


def _folders(given: Sequence[Path]) -> list[Path] | None:
    """Folders from the root."""
    return [Path(local_path(folder)).absolute() for folder in given] or None
