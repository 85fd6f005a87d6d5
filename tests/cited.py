"""Datasets that researchers cite, written tiny and in their published layouts, with pictures of one colour."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from tests.service.colours import COLOURS

NAMES = ("red", "green", "blue", "yellow")  # a picture each, in the order that most layouts list them


def paint(file: Path, *colours: str) -> Path:
    """A picture of stripes from left to right, 16 pixels wide each."""
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (16 * len(colours), 16))
    for place, colour in enumerate(colours):
        picture.paste(COLOURS[colour], (16 * place, 0, 16 * place + 16, 16))
    picture.save(file)
    return file


def write(file: Path, text: str) -> Path:
    """A text file, packed if it is named so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def write_json(file: Path, value: object) -> Path:
    """A JSON file."""
    return write(file, json.dumps(value, ensure_ascii=False))


def lines(*texts: str) -> str:
    """One a line."""
    return "".join(f"{text}\n" for text in texts)


def coco_name(number: int) -> str:
    """A name of COCO's of 2014."""
    return f"COCO_val2014_{number:012}.jpg"


def write_xm3600(root: Path) -> None:
    """captions.jsonl and images/, two captions a picture in English, one in German."""
    rows = []
    for colour in NAMES:
        paint(root / "images" / f"{colour}.jpg", colour)
        said = {"en": [f"a {colour} thing", f"{colour} all over"], "de": [f"etwas {colour}"]}
        told = {language: {"caption": texts, "caption/tokenized": texts} for language, texts in said.items()}
        rows.append(json.dumps({"image/locale": "en", "image/key": colour, **told}))
    write(root / "captions.jsonl", lines(*rows))


def write_xtd10(root: Path) -> None:
    """The repository's three folders, and COCO's pictures in two."""
    folders = ("val2014", "train2014", "val2014", "train2014")
    for number, (folder, colour) in enumerate(zip(folders, NAMES, strict=True)):
        paint(root / folder / coco_name(number), colour)
    write(root / "XTD10" / "test_image_names.txt", lines(*(coco_name(number) for number in range(4))))
    for folder, language in (("XTD10", "it"), ("MIC", "en"), ("STAIR", "jp")):
        file = root / folder / f"test_1kcaptions_{language}.txt"
        write(file, lines(*(f"{colour} {language}" for colour in NAMES)))


def write_flores(root: Path, names: str) -> None:
    """XTD200 or Flickr30k-200: a list of pictures and a file of each language."""
    for colour in NAMES:
        paint(root / "images" / f"{colour}.jpg", colour)
    write(root / names, lines(*(f"{colour}.jpg" for colour in NAMES)))
    write(root / "deu_Latn.txt", lines(*(f"etwas {colour}" for colour in NAMES)))
    write(root / "eng_captions.txt", lines(*(f"something {colour}" for colour in NAMES)))


def write_multi30k(root: Path) -> None:
    """Both tasks of the repository, and Flickr30k's pictures."""
    for colour in NAMES:
        paint(root / "flickr30k-images" / f"{colour}.jpg", colour)
    data = root / "data"
    for split in ("test_2016_flickr", "test_2017_flickr", "val"):
        write(data / "task1" / "image_splits" / f"{split}.txt", lines(*(f"{colour}.jpg" for colour in NAMES)))
        for language in ("de", "fr"):
            texts = (f"{colour} {split} {language}" for colour in NAMES)
            write(data / "task1" / "raw" / f"{split}.{language}.gz", lines(*texts))
    for number in (1, 2):
        texts = (f"{colour} {number}" for colour in NAMES)
        write(data / "task2" / "raw" / f"test_2016.{number}.de.gz", lines(*texts))


def write_xflickrco(root: Path) -> None:
    """annotations/<language>/test.jsonl, with pictures of Flickr30k and of COCO."""
    files = ["red.jpg", "green.jpg", coco_name(2), coco_name(3)]
    for file, colour in zip(files, NAMES, strict=True):
        paint(root / ("val2014" if file.startswith("COCO") else "flickr30k-images") / file, colour)
    for language in ("de", "tr"):
        rows = (
            json.dumps({"sentences": [f"{colour} {language}"], "id": file, "img_path": file})
            for file, colour in zip(files, NAMES, strict=True)
        )
        write(root / "annotations" / language / "test.jsonl", lines(*rows))


def write_coco_cn(root: Path) -> None:
    """The lists of splits and the sentences that people wrote."""
    stems = [coco_name(number).removesuffix(".jpg") for number in range(4)]
    for stem, colour in zip(stems, NAMES, strict=True):
        paint(root / "train2014" / f"{stem}.jpg", colour)
    folder = root / "coco-cn-version1805v1.1"
    write(folder / "coco-cn_test.txt", lines(*stems[:3]))
    write(folder / "coco-cn_val.txt", lines(stems[3]))
    texts = (f"{stem}#0\t{colour} 的东西" for stem, colour in zip(stems, NAMES, strict=True))
    write(folder / "imageid.human-written-caption.txt", lines(*texts))


def write_karpathy(root: Path) -> None:
    """COCO's split file: picture n has the id 100 + n and the captions 1000 + 10 n and the one after."""
    images = []
    for number, colour in enumerate(NAMES):
        paint(root / "val2014" / coco_name(100 + number), colour)
        sentences = [
            {"raw": f"a {colour} thing", "sentid": 1000 + 10 * number},
            {"raw": f"{colour} all over", "sentid": 1001 + 10 * number},
        ]
        images.append(
            {
                "filepath": "val2014",
                "filename": coco_name(100 + number),
                "split": "test",
                "cocoid": 100 + number,
                "sentences": sentences,
            }
        )
    write_json(root / "dataset_coco.json", {"images": images, "dataset": "coco"})


def write_eccv(root: Path, right: Mapping[int, Sequence[int]]) -> None:
    """The package's files: right pictures by caption, and the other way around."""
    turned: dict[int, list[int]] = {}
    for caption, images in right.items():
        for image in images:
            turned.setdefault(image, []).append(caption)
    folder = root / "eccv_caption-0.1.0" / "eccv_caption" / "data"
    write_json(folder / "eccv_caption_to_image.json", {str(one): list(ones) for one, ones in right.items()})
    write_json(folder / "eccv_image_to_caption.json", {str(one): ones for one, ones in turned.items()})


def write_cxc(root: Path, split: str, scores: Mapping[tuple[int, int], float]) -> None:
    """The published table of captions, pictures and what people gave."""
    rows = (
        f"COCO_val2014:sentid:{caption},{coco_name(image)},{score},c2i_intrasim"
        for (caption, image), score in scores.items()
    )
    write(root / "data" / f"sits_{split}.csv", lines("caption,image,agg_score,sampling_method", *rows))


def write_sugar_crepe(root: Path) -> None:
    """Two of its files, and pictures of COCO 2017."""
    for number, colour in enumerate(NAMES):
        paint(root / "val2017" / f"{number:012}.jpg", colour)
    swapped = {
        str(number): {
            "filename": f"{number:012}.jpg",
            "caption": f"a {NAMES[number]} thing",
            "negative_caption": f"a {NAMES[number - 1]} thing",
        }
        for number in range(4)
    }
    wrong = {"7": {**swapped["0"], "caption": "a blue thing", "negative_caption": "a red thing"}}
    write_json(root / "data" / "swap_att.json", swapped)
    write_json(root / "data" / "add_obj.json", {"0": swapped["0"], **wrong})


def write_winoground(root: Path) -> None:
    """Three examples: one right in all, one with both pictures alike, one with its captions the wrong way round."""
    examples = [("red", "blue", "Object"), ("green", "green", "Relation"), ("blue", "red", "Object")]
    rows = []
    for number, (first, second, tag) in enumerate(examples):
        for place, colour in enumerate((first, second)):
            paint(root / "images" / f"ex_{number}_img_{place}.png", colour)
        said = ("red", "blue") if number == 2 else (first, "yellow" if number == 1 else second)
        rows.append(
            json.dumps(
                {
                    "id": number,
                    "image_0": f"ex_{number}_img_0",
                    "image_1": f"ex_{number}_img_1",
                    "caption_0": f"something {said[0]}",
                    "caption_1": f"something {said[1]}",
                    "collapsed_tag": tag,
                }
            )
        )
    write(root / "data" / "examples.jsonl", lines(*rows))


def aro_row(
    image: str, box: tuple[int, int, int, int], true: str, false: str, **more: object
) -> dict[str, object]:
    """One of its test cases."""
    sides = dict(zip(("bbox_x", "bbox_y", "bbox_w", "bbox_h"), box, strict=True))
    return {"image_path": image, **sides, "true_caption": true, "false_caption": false, **more}


def write_inquire(root: Path) -> None:
    """data/inquire and data/inat24: two queries of the test split, one of the other."""
    folder = root / "data" / "inquire"
    header = ",query_id,query_text,supercategory,category,iconic_group"
    queries = ("0,1,a red bird,Appearance,Sex,Birds", '1,2,"a blue, blue bird",Behavior,Mating,Birds')
    write(folder / "inquire_queries_test.csv", lines(header, *queries))
    write(folder / "inquire_queries_val.csv", lines(header, "0,3,a green bird,Appearance,Sex,Birds"))
    right = [(1, "0001/red.jpg"), (1, "0002/orange.jpg"), (2, "0001/blue.jpg"), (2, "0009/gone.jpg")]
    rows = (
        f"{query},{number},train/{path}"
        for number, (query, path) in enumerate([*right, (3, "0002/green.jpg")])
    )
    write(folder / "inquire_annotations.csv", lines("query_id,image_id,image_path", *rows))
    for path in ("0001/red", "0002/orange", "0001/blue", "0002/green", "0003/black"):
        paint(root / "data" / "inat24" / "train" / f"{path}.jpg", path.rpartition("/")[2])
