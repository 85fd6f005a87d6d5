"""`vasari known`: whether pictures are copies of those in the library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from vasari.api.cli import output
from vasari.api.cli.options import (
    PLACE,
    command,
    json_lines_option,
    json_option,
    key_option,
    library_option,
    server_option,
)
from vasari.api.cli.patience import patiently
from vasari.api.contract.duplicates import duplicates_fields
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.overlap import CopyKind
from vasari.retrieval.library.duplicates import Duplicate
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.uris import local_path

_WORDS = {
    CopyKind.SAME_BYTES: "same bytes",
    CopyKind.RE_ENCODED: "re-encoded",
    CopyKind.CROPPED: "cropped",
    CopyKind.BORDERED: "bordered",
    CopyKind.EDITED: "edited",
}


@command(example="vasari known ~/Downloads/*.jpg --exit-code")
@click.argument("files", metavar="FILE...", type=PLACE, nargs=-1, required=True, help="Paths of pictures.")
@click.option("--exit-code", "judged", is_flag=True, help="Exit with 1 where a picture is not known.")
@json_option
@json_lines_option
@library_option
@server_option
@key_option
def known(
    files: tuple[str, ...],
    judged: bool,
    json: bool,
    jsonl: bool,
    library: Path | None,
    server: str | None,
    key: str | None,
) -> None:
    """Tell whether pictures are copies of those in the library, and of which.

    A line each: how it is a copy (same bytes, re-encoded, cropped, bordered, edited), or `new`; the share of the
    picture that is equal, the file and the item. A file that is no picture is named, and the command ends with 1.
    """
    unknown = broken = False
    document = []
    with _collection(library, server, key) as duplicates_of:
        for name in files:
            try:
                found = duplicates_of(local_path(name))
            except ImageError as error:
                output.note(f"{name}: {error}" if name not in str(error) else str(error))
                broken = True
                continue
            unknown |= not found
            if json:
                document.append({"file": name, **duplicates_fields(found)})
            elif jsonl:
                output.print_json_lines([{"file": name, **duplicates_fields(found)}])
            else:
                output.entry(_verdict(found), name, f"  {found[0].item.uri}" if found else "")
    if json:
        output.print_json(document)
    if broken or (judged and unknown):
        sys.exit(1)


@contextmanager
def _collection(
    library: Path | None, server: str | None, key: str | None
) -> Iterator[Callable[[Path], list[Duplicate]]]:
    """What is asked for copies: a library, or a service, to which the pictures are sent."""
    if server is not None:
        from vasari.api.cli.connecting import connected  # brings httpx, which takes as long as the rest

        with connected(server, key) as client:
            yield partial(patiently, client.duplicates)
    else:
        with Library.open(library) as opened:
            yield opened.duplicates_of


def _verdict(found: list[Duplicate]) -> str:
    if not found:
        return f"{'new':10}         "
    agreement = found[0].evidence.agreement
    share = "    " if agreement is None else f"{agreement:4.0%}"
    return f"{_WORDS[found[0].kind]:10}  {share}   "
