"""Whether an item's file is still where it was, with the content that it had."""

from __future__ import annotations

from vasari.indexer.plan import is_same
from vasari.indexer.sources import texts
from vasari.retrieval.catalog.records import KnownFile
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.filesystem import stat_of
from vasari.retrieval.storage.local_files import content_hash, read_file
from vasari.retrieval.storage.uris import locate


def is_in_place(item: KnownFile, modality: Modality, limits: ImageLimits) -> bool:
    """Whether it is; true as well where that cannot be told: at a URL, without permission, beyond the limits."""
    if modality is Modality.TEXT:
        return texts.is_in_place(item.uri)
    place = locate(item.uri)
    if place.path is None:
        return True  # at a URL: not asked for
    try:
        facts = stat_of(place.file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    if place.member is not None or is_same(facts, item):
        return True
    try:
        return content_hash(read_file(place.path, limits)) == item.content_hash
    except ImageError:
        return True
