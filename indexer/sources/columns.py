"""Column mapping of tables: which columns mean what, by their names or as a person says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vasari.retrieval.errors import UsageError
from vasari.retrieval.storage.delimited import same_named
from vasari.retrieval.storage.file_names import composed

_IMAGES = (
    "image", "image_path", "path", "filepath", "file_path", "file_name", "filename", "file", "url", "image_url", "uri",
    "img", "photo", "jpg", "png", "webp", "image_bytes", "bytes", "images", "image_name", "image_file", "img_path",
    "picture",
)  # fmt: skip
_CAPTIONS = (
    "caption", "captions", "text", "texts", "sentence", "sentences", "description", "alt_text", "title", "raw",
    "comment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns mean what; those not given are found by their names."""

    image: str | None = None
    captions: tuple[str, ...] = ()

    def among(self, names: Sequence[str], file: str) -> Columns:
        """The columns of a table with these names; UsageError where one is missing."""
        spelled = {composed(name): name for name in reversed(names)}

        def named(wanted: str) -> str:
            if (name := wanted if wanted in names else spelled.get(composed(wanted))) is not None:
                return name
            raise UsageError(f"{file} has no column {wanted!r}, it has {_listed(names)}")

        asked = [named(wanted) for wanted in self.captions]
        image = named(self.image) if self.image else first(_IMAGES, names)
        if image is None:
            raise UsageError(
                f"{file} has no column with paths or URLs, it has {_listed(names)}: name it by --image-column"
            )
        others = [name for name in names if name != image]
        said = asked or filter(None, [first(_CAPTIONS, others)])
        return Columns(image, tuple(column for name in said for column in same_named(name, others)))


def first(known: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of the known names that a column has, whatever its case, and whatever parts its words."""
    present = {_bare(name): name for name in reversed(names)}
    return next((present[_bare(name)] for name in known if _bare(name) in present), None)


def _bare(name: str) -> str:
    """A name without what parts its words: "Image URL", image-url and image_url are one."""
    return re.sub(r"[\s_-]+", "", name).lower()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name[:40] for name in names[:40]) or "none"
