"""COCO captions: `annotations/captions_val2017.json` beside `val2017/`, or `captions.json` beside its pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from indexer.sources.rows import Row, RowSource, parent
from retrieval.domain import Caption
from retrieval.errors import UsageError
from retrieval.originals.files import opened

_FACTS = ("coco_url", "flickr_url", "date_captured", "license")


class CocoSource(RowSource):
    """The pictures of annotation files, in their order; row 17 is the seventeenth entry of `images`."""

    noun = "image"

    def folders(self, file: str) -> Sequence[str]:
        """The folders in which COCO and its kin keep their pictures, seen from the annotation file."""
        here = parent(file)
        split = file.rpartition("/")[2].removesuffix(".json").partition("_")[2]  # captions_val2017 → val2017
        places = [here, parent(here)] if here.endswith("/annotations") else [here]
        names = ["", "/images", f"/{split}" if split else ""]
        return list(dict.fromkeys(f"{place}{name}" for place in places for name in names))

    def rows(self, file: str) -> Iterator[Row]:
        """The pictures of one annotation file; several captions each."""
        images, said = _read(file)
        for number, image in enumerate(images, start=1):
            if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
                yield Row(number, trouble="no file_name")
                continue
            attributes = {name: image[name] for name in _FACTS if image.get(name) not in (None, "")}
            captions = tuple(said.get(image.get("id"), ()))
            yield Row(number, image["file_name"], captions=captions, attributes=attributes)


def is_coco(file: str) -> bool:
    """Whether a .json file holds COCO's two lists."""
    try:
        _read(file)
    except UsageError:
        return False
    return True


def _read(file: str) -> tuple[list[Any], dict[Any, list[Caption]]]:
    """The images of a file, and the captions of each by its id."""
    with opened(file) as handle:
        try:
            data = json.load(handle)
            images, notes = data["images"], data["annotations"]
            said = defaultdict(list)
            for note in notes:
                if isinstance(text := note.get("caption"), str) and text.strip():
                    said[note["image_id"]].append(Caption(text.strip(), note.get("language")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{file} is not as COCO writes captions: {error!r}") from error
    return list(images), dict(said)
