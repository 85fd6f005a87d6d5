"""Fill a library with generated vectors, through the same commit protocol as `vasari index`.

    python -m benchmarks.filled_library LIBRARY --items 100000 --model DIR --also FOLDER

Searching costs the same whatever the vectors mean. FOLDER receives the same items for other systems: `vectors.npy`
(n, dim) float32 and `uris.txt`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vasari.indexer.build import is_due, publish
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.domain import Caption, EmbeddingSpace, ItemId, Modality, unit_vectors
from vasari.retrieval.library.compaction import compact_if_due
from vasari.retrieval.library.library import Library
from vasari.retrieval.vectors.segments import write_segment

_COMMIT = 4096  # files of a commit, as `vasari index` has it


def fill(
    library: Library, items: int, model: str, photos: Path, captions: Sequence[str] = ()
) -> NDArray[np.float32]:
    """Add `items` pictures named after files in `photos`, which need not exist; returns their vectors (n, dim)."""
    space, modality = library.use_model(model), Modality.IMAGE
    vectors = unit_vectors(np.random.default_rng(0).standard_normal((items, space.dim), dtype=np.float32))
    names = list(uris(items, photos))
    with library.catalog.lease.acquire("benchmark"):
        for start in range(0, items, _COMMIT):
            part = slice(start, start + _COMMIT)
            add(library, space, vectors[part], names[part], captions[part])
        compact_if_due(library.catalog, library.segments_directory(space, modality), space, modality)
        if is_due(library, space, modality):
            publish(library, space, modality)
    return vectors


def add(
    library: Library,
    space: EmbeddingSpace,
    vectors: NDArray[np.float32],
    names: Sequence[str],
    captions: Sequence[str] = (),
    hashes: Sequence[int] = (),
) -> list[ItemId]:
    """Commit pictures of these uris with their vectors (n, dim) as one segment; the caller has the right to write.

    With `captions`, and perceptual `hashes`, each has one of its own.
    """
    catalog, modality = library.catalog, Modality.IMAGE
    ids = list(catalog.items.reserve(len(vectors)))
    number = catalog.segments.reserve(space.name, modality)
    folder = library.segments_directory(space, modality)
    checksum = write_segment(folder, number, np.array(ids, dtype=np.int64), vectors)
    told_of: Sequence[str | None] = captions or [None] * len(ids)
    hashed: Sequence[int | None] = hashes or [None] * len(ids)
    catalog.segments.commit(
        SegmentRecord(space.name, modality, number, len(vectors), checksum),
        [_item(*told) for told in zip(ids, names, vectors, told_of, hashed, strict=True)],
    )
    return ids


def _item(
    item: ItemId, uri: str, vector: NDArray[np.float32], caption: str | None, fingerprint: int | None
) -> NewItem:
    return NewItem(
        uri=uri,
        content_hash=f"{item:032x}",
        bytes=100_000 + item,
        mtime_ns=1_700_000_000_000_000_000 + item,
        vector=vector,
        id=item,
        width=500,
        height=375,
        format="jpeg",
        attributes={"camera": "X100V"},
        captions=() if caption is None else (Caption(caption),),
        fingerprint=fingerprint,
    )


def uris(items: int, photos: Path) -> Iterator[str]:
    """Paths as a camera's folders have them, a thousand in each."""
    return (f"{photos}/{number // 1000:04d}/IMG_{number:08d}.jpg" for number in range(items))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder of the pretended files")
    parser.add_argument("--also", type=Path, help="folder for the same items as plain files")
    options = parser.parse_args()
    with Library.open(options.library, create=True) as library:
        vectors = fill(library, options.items, options.model, options.photos)
    if options.also is not None:
        options.also.mkdir(parents=True, exist_ok=True)
        np.save(options.also / "vectors.npy", vectors)
        (options.also / "uris.txt").write_text(
            "\n".join(uris(options.items, options.photos)), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
