"""`vasari keys create|list|revoke`: who may use the HTTP service."""

from __future__ import annotations

from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import command, json_option, library_option, open_settings
from vasari.retrieval.catalog.records import ApiKeyRecord
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.library.library import Library


@command(example="vasari keys create laptop --scope search --scope write")
@click.argument("name", metavar="NAME", help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=["search"],
    show_default=False,
    help="search, write or admin; may be repeated. [default: search]",
)
@json_option
@library_option
def create(name: str, scopes: tuple[str, ...], json: bool, library: Path | None) -> None:
    """Make a key; it is shown this once. From the first key on, every request needs one."""
    from vasari.api.service.security.auth import create_key  # brings FastAPI, which takes a second

    with filling(library, open_settings(library=library)) as opened:
        number, key = create_key(opened.catalog, name, scopes)
    if json:
        output.print_json({"id": number, "name": name, "scopes": list(scopes), "key": key})
        return
    output.line(key)
    output.note(f"key {number} ({', '.join(scopes)}); keep it now, only its hash is stored")


@command("list", example="vasari keys list --json")
@json_option
@library_option
def list_keys(json: bool, library: Path | None) -> None:
    """List keys: number, name, scopes, whether revoked. The keys themselves are not stored."""
    with Library.open(library) as opened:
        found = opened.catalog.keys.all()
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


@command(example="vasari keys revoke 3")
@click.argument("number", metavar="NUMBER", help="The key's number, from `vasari keys list`.")
@library_option
def revoke(number: str, library: Path | None) -> None:
    """Make a key useless; running services notice within seconds."""
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise UsageError(f"{number} is no key's number: `vasari keys list` tells them")
    with Library.open(library) as opened:
        if not opened.catalog.keys.revoke(int(number)):
            raise NotFoundError(f"no key {number} in use; see `vasari keys list`")
    output.line(f"key {number} is revoked")
