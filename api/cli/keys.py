"""`vasari keys create|list|rotate|revoke`: who may use the HTTP service, for how much of the library and how long."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from vasari.api.cli import output
from vasari.api.cli.libraries import filling
from vasari.api.cli.options import (
    FILE,
    Integer,
    command,
    duration,
    json_option,
    library_option,
    open_settings,
)
from vasari.retrieval.catalog.records import ApiKeyRecord, KeyLimits, KeyUsage
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.library.library import Library


@command(example="vasari keys create studio --filter 'folder:/photos/studio' --expires 90d")
@click.argument("name", metavar="NAME", help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=["search"],
    show_default=False,
    help="search, write or admin; may be repeated. [default: search]",
)
@click.option(
    "--filter", "filter_", help="All that the key sees: to it there is nothing else in the library."
)
@click.option("--expires", help="When the key ends: a length of time (90d, 12h), or a day (2027-01-31).")
@click.option("--requests-a-day", type=Integer(0), help="How often the key may ask in a day (of UTC).")
@click.option("--upload-bytes-a-day", type=Integer(0), help="How many bytes it may upload in a day.")
@click.option("--upload-pictures-a-day", type=Integer(0), help="How many pictures it may upload in a day.")
@click.option(
    "--from",
    "file",
    type=FILE,
    help="Take the key that this file holds; of one that is there nothing is changed.",
)
@json_option
@library_option
def create(
    name: str,
    scopes: tuple[str, ...],
    filter_: str | None,
    expires: str | None,
    file: Path | None,
    json: bool,
    library: Path | None,
    **quotas: int | None,
) -> None:
    """Make a key; it is shown this once. From the first key on, every request needs one."""
    # Brings FastAPI, which takes a second.
    from vasari.api.service.security.auth import create_key, key_hash, known_key

    limits = KeyLimits(filter_, None if expires is None else moment(expires), **quotas)
    given = None if file is None else known_key(_text_of(file))
    with filling(library, open_settings(library=library)) as opened:
        known = None if given is None else _known(opened, key_hash(given))
        if known is not None and given is not None:
            number, key = known, given
        else:
            number, key = create_key(opened.catalog, name, scopes, limits, given)
    if json:
        told = {"id": number, "name": name, "scopes": list(scopes), "key": key, **asdict(limits)}
        output.print_json(told)
        return
    if given is not None:
        output.note(f"key {number} is the one of {file}" + (", as before" if known is not None else ""))
        return
    output.line(key)
    output.note(f"key {number} ({', '.join(scopes)}); keep it now, only its hash is stored")


@command("list", example="vasari keys list --json")
@json_option
@library_option
def list_keys(json: bool, library: Path | None) -> None:
    """List keys: number, name, scopes, state, last use, what each sees. The keys themselves are not stored."""
    with Library.open(library) as opened:
        found = opened.catalog.keys.all()
        used = opened.catalog.keys.used(datetime.now(UTC).date().isoformat())
    if json:
        output.print_json([_told(key, used.get(key.id, KeyUsage())) for key in found])
        return
    output.table([_row(key) for key in found], name=1)
    if not found:
        output.note("no keys: only programs on this machine are served")


@command(example="vasari keys rotate 3 --overlap 1d")
@click.argument("number", metavar="NUMBER", help="The key's number, from `vasari keys list`.")
@click.option("--overlap", help="How long the old key still opens, such as 1d. [default: not at all]")
@json_option
@library_option
def rotate(number: str, overlap: str | None, json: bool, library: Path | None) -> None:
    """Replace a key by a new one that may and sees the same; the old one ends."""
    from vasari.api.service.security.auth import rotate_key

    with Library.open(library) as opened:
        longer = None if overlap is None else duration(overlap)
        new, key = rotate_key(opened.catalog, _number(number), longer)
    if json:
        output.print_json({"id": new, "replaces": int(number), "key": key})
        return
    output.line(key)
    ends = "is revoked" if overlap is None else f"ends in {overlap}"
    output.note(f"key {new} takes the place of key {number}, which {ends}; keep it now")


@command(example="vasari keys revoke 3")
@click.argument("number", metavar="NUMBER", help="The key's number, from `vasari keys list`.")
@library_option
def revoke(number: str, library: Path | None) -> None:
    """Make a key useless; running services notice within seconds."""
    key = _number(number)
    with Library.open(library) as opened:
        if not opened.catalog.keys.revoke(key):
            raise NotFoundError(f"no key {key} in use; see `vasari keys list`")
    output.line(f"key {key} is revoked")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"the key in {file} cannot be read ({reason})") from None


def _known(opened: Library, hashed: str) -> int | None:
    """The number of a key that was entered before; UsageError for one that was revoked."""
    for key in opened.catalog.keys.all():
        if key.key_hash == hashed:
            if not key.opens(datetime.now(UTC)):
                raise UsageError(f"that is key {key.id}, which opens nothing any more: take another")
            return key.id
    return None


def _number(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        raise UsageError(f"{given} is no key's number: `vasari keys list` tells them")
    return int(given)


def moment(given: str) -> datetime:
    """When a key ends: at the end of a length of time from now, or when a day begins (of UTC)."""
    if given[-1:].isalpha():
        return datetime.now(UTC) + duration(given)
    try:
        return datetime.fromisoformat(given).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{given!r} is no time: write 90d, 12h, or a day such as 2027-01-31") from None


def _told(key: ApiKeyRecord, used: KeyUsage) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        **asdict(key.limits),
        "used_today": asdict(used),
    }


def _row(key: ApiKeyRecord) -> tuple[str, ...]:
    used = "never used" if key.last_used_at is None else f"used {_day(key.last_used_at)}"
    return f"{key.id:4}", key.name, ",".join(key.scopes), _state(key), used, _held_to(key.limits)


def _state(key: ApiKeyRecord) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.limits.expires_at is not None:
        return f"{'ends' if key.opens(datetime.now(UTC)) else 'ended'} {_day(key.limits.expires_at)}"
    return f"since {_day(key.created_at)}"


def _held_to(limits: KeyLimits) -> str:
    """What a key sees, and what it may ask for in a day."""
    quotas = [field.name for field in fields(KeyLimits) if field.name.endswith("_a_day")]
    words = [] if limits.filter is None else [f"sees {limits.filter}"]
    most = {name: getattr(limits, name) for name in quotas}
    words += [
        f"{number:,} {name.removesuffix('_a_day').replace('_', ' ')} a day"
        for name, number in most.items()
        if number is not None
    ]
    return ", ".join(words)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
