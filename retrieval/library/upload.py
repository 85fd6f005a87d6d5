"""Add single pictures to a library, from Python or over HTTP: the same commit as bulk jobs, some at a time.

Bytes that come without a name are stored in the library's own folder under their content's hash: nothing a sender
wrote becomes part of a path, and the same picture sent twice is one item. Additions that come together are one
segment and one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.annotations import check_attributes
from vasari.retrieval.catalog.records import NEW, NewItem
from vasari.retrieval.domain import Caption, EmbeddingSpace, Item, ItemId, Modality
from vasari.retrieval.errors import ImageError, NotFoundError, Sentence, UsageError
from vasari.retrieval.images.decode import probe
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library import compaction, near_duplicates
from vasari.retrieval.library.commit import Pixels, Prepared, commit_items, prepare_picture
from vasari.retrieval.storage.admission import admitted
from vasari.retrieval.storage.atomic import write_bytes
from vasari.retrieval.storage.layout import upload_path
from vasari.retrieval.storage.local_files import content_hash, read_file
from vasari.retrieval.storage.uris import absolute, local_path

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents
    from vasari.retrieval.models.ports import PictureEncoder, Preparer

_SUFFIX = {"jpeg": ".jpg", "tiff": ".tif", "raw": ".dng"}
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Notes:
    """What is said about a picture; UsageError for more attributes than an item can have."""

    captions: tuple[Caption, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_attributes(self.attributes)


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture to add: a file, or bytes. `uri` names bytes that lie elsewhere; without it the library stores them."""

    content: Path | bytes
    uri: str | None = None
    notes: Notes = Notes()


@dataclass(frozen=True, slots=True)
class Addition:
    """A picture that was found to be one, ready to be embedded."""

    uri: str
    mtime_ns: int
    picture: Prepared[Pixels]
    stored: bytes | None = None  # what the library has to keep under `uri` itself


def new_picture(what: str | Path | bytes | NewPicture) -> NewPicture:
    """A file by its name, or bytes, as something to add."""
    if isinstance(what, NewPicture):
        return what
    return NewPicture(what if isinstance(what, bytes) else local_path(what))


def check(
    library: Contents, content: Path | bytes, preparer: Preparer, *,
    uri: str | None = None, limits: ImageLimits | None = None,
) -> Addition:  # fmt: skip
    """Decode a picture: its headers are held against the limits first. Raises ImageError and NotFoundError."""
    limits = limits or library.image_limits
    if isinstance(content, Path):
        path = Path(absolute(content))
        if path.is_dir():
            raise UsageError(f"{path} is a folder: `vasari index` takes folders, `add` takes pictures")
        if not path.exists():
            raise NotFoundError(f"no such file: {path}")
        data, mtime = read_file(path, limits), path.stat().st_mtime_ns
        uri = uri or str(path)
    else:
        data, mtime = content, time.time_ns()
    probe(data, limits)
    digest = content_hash(data)
    prepared = prepare_picture(data, digest, preparer, limits)
    if uri is not None:
        uri = admitted(uri, library.root, content_hash=digest)
        return Addition(uri, mtime, prepared)
    suffix = _SUFFIX.get(prepared.format or "", f".{prepared.format}")
    path = upload_path(library.root, digest, suffix)
    return Addition(str(path), mtime, prepared, stored=data)


def known(library: Contents, addition: Addition, space: EmbeddingSpace) -> Item | None:
    """The item that is this very picture under this uri, with its vector."""
    item = library.catalog.items.by_uri(addition.uri, Modality.IMAGE)
    if item is None or item.content_hash != addition.picture.content_hash:
        return None
    return item if library.catalog.segments.embedding_of(space.name, item.id) else None


def commit(
    library: Contents,
    space: EmbeddingSpace,
    entries: Sequence[tuple[Addition, Notes, NDArray[np.float32]]],
    *,
    alone: bool = True,
) -> list[ItemId]:
    """Store files and make them items, in one transaction; their ids, in the order of `entries`.

    The vector (dim,) of an addition that is known already is not looked at. The caller has the right to write; not
    `alone` where it is a job's, which may be merging segments, so that nobody else may. Raises StorageError when the
    disk is full.
    """
    catalog = library.catalog
    distinct = {addition.uri: (addition, notes, vector) for addition, notes, vector in entries}
    new: dict[ItemId | str, NewItem] = {}
    for addition, notes, vector in distinct.values():
        if known(library, addition, space) is None:
            known_as = _item_of(library, addition)
            known_as = NEW if known_as in new else known_as  # the other one of two equal pictures is it
            if addition.stored is not None:
                write_bytes(Path(addition.uri), addition.stored)
            new[known_as or addition.uri] = addition.picture.item(
                addition.uri,
                vector,
                addition.mtime_ns,
                id=known_as,
                attributes=notes.attributes,
                captions=notes.captions,
            )
    directory = library.segments_directory(space, Modality.IMAGE)
    commit_items(catalog, directory, space.name, Modality.IMAGE, list(new.values()))
    if alone:
        compaction.compact_if_due(catalog, directory, space, Modality.IMAGE)  # uploads come one by one
    ids = []
    for addition, notes, _ in entries:
        item = catalog.items.by_uri(addition.uri, Modality.IMAGE)
        if item is None:
            raise ImageError(
                Sentence("this picture was deleted again while it was being added"), stage="read"
            )
        ids.append(item.id)
        _annotate(library, item, notes)
    hashes = catalog.perceptual_hashes
    if near_duplicates.is_due(hashes):  # in a large library not for each picture
        near_duplicates.regroup(hashes, library.gallery(Modality.IMAGE, space))
    return ids


def add(library: Contents, pictures: Sequence[NewPicture]) -> list[ItemId]:
    """Add pictures; their ids, in order. One that is there already keeps its item, a changed file updates it.

    All or nothing: the first that is no picture raises ImageError, and none is added.
    """
    space = library.begin()
    few = len(pictures) <= _BATCH
    encoder: PictureEncoder = library.picture_encoder(space) if few else library.encoder(space)
    additions = [check(library, new.content, encoder, uri=new.uri) for new in pictures]
    with library.catalog.lease.acquire("vasari (Python)"):
        missing = [addition for addition in additions if known(library, addition, space) is None]
        vectors: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            batch = np.stack([addition.picture.content for addition in part])
            embedded = encoder.embed_images(batch)
            vectors |= {addition.uri: vector for addition, vector in zip(part, embedded, strict=True)}
        nothing = np.empty(0, np.float32)
        return commit(
            library,
            space,
            [
                (addition, new.notes, vectors.get(addition.uri, nothing))
                for addition, new in zip(additions, pictures, strict=True)
            ],
        )


def _annotate(library: Contents, item: Item, notes: Notes) -> None:
    if notes.tags:
        library.catalog.annotations.set_tags(item.id, {*item.tags, *notes.tags})
    if notes.attributes:
        library.catalog.annotations.set_attributes(item.id, notes.attributes)


def _item_of(library: Contents, addition: Addition) -> ItemId:
    """The item under this uri, unless the content is that of an item which is missing: then it is back."""
    catalog, content = library.catalog, addition.picture.content_hash
    before = catalog.items.by_uri(addition.uri, Modality.IMAGE)
    if before is not None and before.content_hash == content:
        return before.id
    found = catalog.items.files_of_content([content], Modality.IMAGE)
    missing = next((file.id for file in found if file.missing), None)
    return missing or (NEW if before is None else before.id)
