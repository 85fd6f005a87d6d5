"""COCO: `annotations/captions_val2017.json` beside `val2017/`, or `captions.json` beside its pictures; and Karpathy's.

Ids are compared as they read ("1", 1 and 1.0 are one), as converters write them. Annotations that fit no picture go to
the ledger of failures under `FILE#annotation/17`; those of pictures that are not listed are one failure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vasari.indexer.sources.rows import Row, RowSource, parent
from vasari.indexer.sources.samples import kept, texts_in
from vasari.retrieval.domain import Caption
from vasari.retrieval.errors import UsageError, VasariError
from vasari.retrieval.storage.text_files import opened_text, parse_json

_FACTS = ("coco_url", "flickr_url", "date_captured", "license")
_NAMES = ("file_name", "filename", "path", "coco_url", "flickr_url", "url")
_KARPATHY_FACTS = ("split", "cocoid")


class CocoSource(RowSource):
    """The pictures of annotation files, in their order; row 17 is the seventeenth entry of `images`."""

    noun = "image"

    def folders(self, file: str) -> Sequence[str]:
        """The folders in which COCO and its kin keep their pictures, seen from the annotation file."""
        here = parent(file)
        split = file.rpartition("/")[2].removesuffix(".json").partition("_")[2]  # captions_val2017 → val2017
        places = [here, parent(here)] if here.endswith("/annotations") else [here]
        names = ["", "/images", f"/{split}" if split else "", "/Images", "/flickr30k-images"]
        return list(dict.fromkeys(f"{place}{name}" for place in places for name in names))

    def rows(self, file: str) -> Iterator[Row]:
        """The pictures of one annotation file; several captions each."""
        data = _read(file)
        captions = _Captions(data["images"], data.get("annotations") or [])
        for number, image in enumerate(data["images"], start=1):
            if not isinstance(image, dict):
                yield Row(number, trouble="it is no object")
                continue
            name = _name(image)
            if name is None:
                yield Row(number, trouble="no file_name")
                continue
            said = (*_sentences(image), *captions.of(image.get("id")))
            facts = _KARPATHY_FACTS if "sentences" in image else _FACTS
            attributes = kept({fact: image[fact] for fact in facts if fact in image})
            yield Row(number, name, captions=tuple(said), attributes=attributes)
        yield from captions.troubles()


class _Captions:
    """The captions of each picture by its id, and the annotations that cannot be used."""

    def __init__(self, images: Sequence[Any], notes: object) -> None:
        ids = [image.get("id") for image in images if isinstance(image, dict)]
        self._exact = {_text(entry) for entry in ids}
        self._numbers = {_number(entry): _text(entry) for entry in ids}
        self._said: dict[str, list[Caption]] = defaultdict(list)
        self._troubles: list[Row] = []
        self._unlisted: list[tuple[int, str]] = []
        if not isinstance(notes, list):
            self._troubles.append(Row(1, trouble="annotations is no list", noun="annotation"))
            return
        for number, note in enumerate(notes, start=1):
            if reason := self._take(number, note):
                self._troubles.append(Row(number, trouble=reason, noun="annotation"))

    def of(self, image: object) -> list[Caption]:
        """What is said of the picture with this id."""
        return self._said.get(_text(image), [])

    def troubles(self) -> Iterator[Row]:
        """One for each annotation that is broken, and one for all of pictures that are not listed."""
        yield from self._troubles
        if self._unlisted:
            number, image = self._unlisted[0]
            reason = f"image_id {image} is not among the images"
            if len(self._unlisted) > 1:
                reason += f", as those of {len(self._unlisted) - 1:,} more annotations"
            yield Row(number, trouble=reason, noun="annotation")

    def _take(self, number: int, note: object) -> str | None:
        """Note a caption; what is wrong with it, if anything."""
        if not isinstance(note, dict):
            return "it is no object"
        texts = texts_in(note.get("caption"))
        if not texts:
            return None if "category_id" in note and "caption" not in note else "no caption"
        if note.get("image_id") is None:
            return "no image_id"
        image = self._listed(note["image_id"])
        if image is None:
            self._unlisted.append((number, _text(note["image_id"])))
            return None
        language = note.get("language")
        self._said[image].extend(
            Caption(text, language if isinstance(language, str) else None) for text in texts
        )
        return None

    def _listed(self, image: object) -> str | None:
        text = _text(image)
        return text if text in self._exact else self._numbers.get(_number(image))


def is_coco(file: str) -> bool:
    """Whether a .json file holds a list of images as COCO or Karpathy write it."""
    try:
        images = _read(file)["images"]
    except (VasariError, OSError):
        return False
    objects = [image for image in images if isinstance(image, dict)]
    return not images or any(_name(image) is not None or "id" in image for image in objects)


def _read(file: str) -> Mapping[str, Any]:
    with opened_text(file) as lines:
        try:
            data = parse_json(lines.read())
        except ValueError as error:
            raise UsageError(f"{file} is not as COCO writes captions: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise UsageError(f"{file} is not as COCO writes captions: it has no list of images")
    return data


def _name(image: Mapping[str, Any]) -> str | None:
    """The picture's path or URL; Karpathy's files have folder and name apart."""
    name = next(
        (image[key] for key in _NAMES if isinstance(image.get(key), str) and image[key].strip()), None
    )
    folder = image.get("filepath")
    return (
        f"{folder}/{name}"
        if name and isinstance(folder, str) and folder and "file_name" not in image
        else name
    )


def _sentences(image: Mapping[str, Any]) -> list[Caption]:
    return [
        Caption(text)
        for text in texts_in([image.get("sentences"), image.get("caption"), image.get("captions")])
    ]


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _number(value: object) -> str:
    """Without the zeros that fill an id up: "000139" is 139."""
    text = _text(value)
    return text.lstrip("0") or "0" if text.isdecimal() else text
