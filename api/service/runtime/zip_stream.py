"""Streamed zip: files one after the other into an archive that is sent while it is made; memory holds one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from vasari.api.service.problems import ProblemError
from vasari.retrieval.domain import Item
from vasari.retrieval.errors import VasariError
from vasari.retrieval.storage.draining import Sink
from vasari.retrieval.storage.local_files import printable
from vasari.retrieval.storage.uris import locate

LEFT_OUT = "left out.txt"
# Seconds: what a zip's date can say, 1980 to 2107.
_EARLIEST = 315_532_800
_LATEST = 4_354_819_198


async def zip_stream(items: Sequence[Item], read: Callable[[Item], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """A zip of the items' files; those that cannot be read are named in `left out.txt`, with the reason."""
    sink = Sink()  # sizes follow the files: it cannot go back
    missing = []
    names: set[str] = {LEFT_OUT}
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for item in items:
            try:
                data = await read(item)
            except (VasariError, ProblemError) as error:
                missing.append(f"{printable(item.uri)}: {error}\n")
                continue
            archive.writestr(ZipInfo(_name(item, names), _date(item)), data)
            yield sink.taken()
        if missing:
            archive.writestr(LEFT_OUT, "".join(missing))
    yield sink.taken()


def _name(item: Item, taken: set[str]) -> str:
    """The file's own name, with a number where another has it; nothing that leads out of a folder."""
    place = locate(item.uri)
    plain = printable((place.member or place.file).replace("\\", "/").rstrip("/").rpartition("/")[2])
    stem, dot, suffix = plain.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (plain or str(item.id), "")
    name, number = stem + suffix, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem} ({number}){suffix}"
    taken.add(name.lower())
    return name


def _date(item: Item) -> tuple[int, int, int, int, int, int]:
    seconds = min(max(item.mtime_ns // 1_000_000_000, _EARLIEST), _LATEST)
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
