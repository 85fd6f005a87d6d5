"""XMP sidecars out: tags, captions and ratings that people gave here, for other programs.

Pictures are never written to. A new sidecar is called `a.jpg.xmp`; an `a.xmp` is used where it is there and `a.jpg` is
the only picture of that name, and else is what the new one begins with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vasari.retrieval.domain import CaptionSource, Item, ItemId
from vasari.retrieval.errors import StorageError
from vasari.retrieval.images.xmp import LARGEST, XmpError
from vasari.retrieval.images.xmp_writer import Words, with_words
from vasari.retrieval.library.library import Library
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.local_files import indexable_suffixes

_PAGE = 1024


@dataclass(slots=True)
class SidecarReport:
    """What was written, in pictures; or, of a dry run, what would be."""

    written: list[Path] = field(default_factory=list)
    unchanged: int = 0  # whose sidecar says it already
    silent: int = 0  # about which nobody wrote anything
    elsewhere: int = 0  # that are no files of this machine: in archives, at URLs
    failed: dict[str, str] = field(default_factory=dict)  # reasons by file

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return {
            "written": [os.fspath(path) for path in self.written],
            "unchanged": self.unchanged,
            "silent": self.silent,
            "elsewhere": self.elsewhere,
            "failed": self.failed,
        }


def write_sidecars(library: Library, ids: Iterable[ItemId], *, dry_run: bool = False) -> SidecarReport:
    """Put what people wrote about these pictures into sidecars; what other programs wrote there stays.

    A sidecar that cannot be read or written is in the report, and left as it is.
    """
    report = SidecarReport()
    for item, own in _items(library, list(ids)):
        words = words_of(item, own)
        if words is None:
            report.silent += 1
            continue
        try:
            if item.path is None or not item.path.is_file():
                report.elsewhere += 1
            else:
                _write(item.path, words, report, dry_run=dry_run)
        except XmpError as error:
            report.failed[item.uri] = f"its sidecar {error}"
        except OSError as error:  # of a folder that nobody may enter, too
            report.failed[item.uri] = f"its sidecar cannot be read: {error.strerror}"
        except StorageError as error:
            report.failed[item.uri] = str(error)
    return report


def words_of(item: Item, own: Mapping[str, Any]) -> Words | None:
    """What people wrote about an item (`own`: their attributes); None for nothing.

    Keywords of the file go with the tags, as a sidecar's keywords stand for the file's wherever both are read.
    """
    said = [caption for caption in item.captions if caption.source is CaptionSource.USER]
    rating = own.get("rating")
    stars = (
        rating
        if isinstance(rating, int | float) and not isinstance(rating, bool) and -1 <= rating <= 5
        else None
    )
    if not said and not item.tags and stars is None:
        return None
    descriptions: dict[str, str] = {"x-default": said[0].text} if said else {}
    for caption in said:
        if caption.language:
            descriptions.setdefault(caption.language, caption.text)
    brought = item.attributes.get("keywords")
    keywords = [word for word in brought if isinstance(word, str)] if isinstance(brought, list) else []
    return Words([*keywords, *item.tags] if item.tags else (), descriptions or None, stars)


def _items(library: Library, ids: list[ItemId]) -> Iterator[tuple[Item, Mapping[str, Any]]]:
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        own = library.catalog.annotations.user_attributes(page)
        for item in library.items(page).values():
            yield item, own.get(item.id, {})


def _write(picture: Path, words: Words, report: SidecarReport, *, dry_run: bool) -> None:
    target, begins_with = _sidecar(picture)
    packet = None
    if begins_with is not None:
        if begins_with.stat().st_size > LARGEST:
            raise XmpError(f"is larger than {LARGEST // 2**20} MB")
        packet = begins_with.read_bytes()
    new = with_words(packet, words)
    if new is None:
        report.unchanged += 1
        return
    if not dry_run:
        mode = target.stat().st_mode if target.exists() else None
        write_bytes(target.resolve(), new)
        if mode is not None:
            target.chmod(mode & 0o7777)
    report.written.append(target)


def _sidecar(picture: Path) -> tuple[Path, Path | None]:
    """The sidecar to be written, and the file that it begins with."""
    own, shared = picture.with_name(f"{picture.name}.xmp"), picture.with_suffix(".xmp")
    if own.exists():
        return own, own
    if not shared.exists():
        return own, None
    suffixes = indexable_suffixes()
    alike = [
        name
        for name in os.listdir(picture.parent)  # noqa: PTH208
        if os.path.splitext(name)[0] == picture.stem and os.path.splitext(name)[1].lower() in suffixes  # noqa: PTH122
    ]
    return (shared if len(alike) == 1 else own), shared
