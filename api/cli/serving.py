"""`vasari serve` and `vasari keys`: the HTTP service, and who may use it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.options import JsonOption, LibraryOption, given

if TYPE_CHECKING:
    from retrieval.catalog.records import ApiKeyRecord

keys_app = typer.Typer(
    name="keys",
    help="Keys of the HTTP service: create, list, revoke.",
    epilog="Example: vasari keys create page --scope search",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(epilog="Example: vasari serve --port 7600")(serve)
    app.add_typer(keys_app)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to serve. [env: VASARI_HOST; default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port. [env: VASARI_PORT; default: 7600]", min=0, max=65535)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes. [env: VASARI_WORKERS; default: 1]", min=1, max=64)
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            "--root",
            help="Folder that may be indexed over HTTP; may be repeated. [env: VASARI_ROOTS; default: the home folder"
            " while there are no keys]",
        ),
    ] = None,
    share_root: Annotated[
        list[Path] | None,
        typer.Option(
            "--share-root",
            help="Show no originals outside this folder; may be repeated. [env: VASARI_SHARED_ROOTS]",
        ),
    ] = None,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Log JSON lines. [env: VASARI_JSON_LOGS]")
    ] = False,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Be a replica: search, and write nothing. [env: VASARI_READ_ONLY]"),
    ] = False,
    library: LibraryOption = None,
) -> None:
    """Serve the search page and the HTTP API until Ctrl-C."""
    from api.service.server import free_port, refuse_without_keys
    from api.service.server import serve as run
    from api.service.settings import ServiceSettings
    from retrieval.library import Library

    settings = ServiceSettings(
        **given(
            host=host,
            port=port,
            workers=workers,
            roots=_folders(root),
            shared_roots=_folders(share_root),
            json_logs=json_logs or None,
            read_only=read_only or None,
            library=library.expanduser().absolute() if library is not None else None,
        )
    )
    settings = replace(settings, port=free_port(settings.host, settings.port))
    with Library.open(None, settings, create=True) as opened:
        refuse_without_keys(settings, opened.catalog)
        where = opened.root
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    output.note(f"serving {where} at http://{shown}:{settings.port}/ (Ctrl-C stops)")
    run(settings)


def _folders(given: list[Path] | None) -> list[Path] | None:
    """Folders from the root."""
    from retrieval.originals.uris import local_path

    return [Path(local_path(folder)).absolute() for folder in given] if given else None


@keys_app.command(epilog="Example: vasari keys create laptop --scope search --scope write")
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="search, write or admin; may be repeated.")
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Make a key; it is shown this once. From the first key on, every request needs one."""
    from api.service.auth import create_key
    from retrieval.library import Library

    scopes = scope or ["search"]
    with Library.open(library, create=True) as opened:
        number, key = create_key(opened.catalog, name, scopes)
    if json:
        output.print_json({"id": number, "name": name, "scopes": scopes, "key": key})
        return
    output.line(key)
    output.note(f"key {number} ({', '.join(scopes)}); keep it now, only its hash is stored")


@keys_app.command("list", epilog="Example: vasari keys list --json")
def list_keys(json: JsonOption = False, library: LibraryOption = None) -> None:
    """List keys: number, name, scopes, whether revoked. The keys themselves are not stored."""
    from retrieval.library import Library

    with Library.open(library) as opened:
        found = opened.catalog.api_keys()
    if json:
        output.print_json(
            [
                {
                    "id": key.id,
                    "name": key.name,
                    "scopes": list(key.scopes),
                    "created_at": key.created_at,
                    "revoked_at": key.revoked_at,
                }
                for key in found
            ]
        )
        return
    output.table([_row(key) for key in found], name=1)
    if not found:
        output.note("no keys: only programs on this machine are served")


def _row(key: ApiKeyRecord) -> tuple[str, ...]:
    moment, state = (key.created_at, "since") if key.revoked_at is None else (key.revoked_at, "revoked")
    return f"{key.id:4}", key.name, ",".join(key.scopes), f"{state} {moment.isoformat(timespec='seconds')}"


@keys_app.command(epilog="Example: vasari keys revoke 3")
def revoke(
    number: Annotated[str, typer.Argument(help="The key's number, from `vasari keys list`.")],
    library: LibraryOption = None,
) -> None:
    """Make a key useless; running services notice within seconds."""
    from retrieval.errors import NotFoundError, UsageError
    from retrieval.library import Library

    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise UsageError(f"{number} is no key's number: `vasari keys list` tells them")
    with Library.open(library) as opened:
        if not opened.catalog.revoke_key(int(number)):
            raise NotFoundError(f"no key {number} in use; see `vasari keys list`")
    output.line(f"key {number} is revoked")
