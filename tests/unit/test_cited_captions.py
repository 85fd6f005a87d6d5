"""Captions of datasets that researchers cite, in their published layouts."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests import cited
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.evaluation.compositional import find_compositional
from vasari.retrieval.evaluation.datasets import Dataset, load_dataset, read_captions

FOUR = tuple(cited.NAMES)
Writer = Callable[[Path], None]
WRITERS: dict[
    str, tuple[Writer, list[str], str, int]
] = {  # with languages, the one that is looked at, and captions
    "Crossmodal-3600": (cited.write_xm3600, ["en", "de"], "en", 8),
    "XTD10": (cited.write_xtd10, ["it", "en", "ja"], "ja", 4),
    "XTD200": (
        partial(cited.write_flores, names="test_image_names.txt"),
        ["deu_Latn", "eng_Latn"],
        "eng_Latn",
        4,
    ),
    "Flickr30k-200": (
        partial(cited.write_flores, names="filenames.txt"),
        ["deu_Latn", "eng_Latn"],
        "deu_Latn",
        4,
    ),
    "Multi30k": (cited.write_multi30k, ["de", "fr"], "fr", 4),
    "xFlickr&CO": (cited.write_xflickrco, ["de", "tr"], "tr", 4),
    "Karpathy": (cited.write_karpathy, ["en"], "en", 8),
}


def said_of_each(dataset: Dataset) -> list[str]:
    """The colours that captions name, in the order of captions."""
    return [next(word for word in text.split() if word in cited.NAMES) for text in dataset.texts]


def painted(dataset: Dataset) -> list[str]:
    """The colours of the pictures that captions belong to: writers paint the four in their order."""
    return [cited.NAMES[image] for image in dataset.answers]


@pytest.mark.parametrize("name", WRITERS)
def test_captions_belong_to_their_pictures_in_each_language(name: str, tmp_path: Path) -> None:
    """Named by the folder as it was downloaded; nothing is missing or broken."""
    write, languages, chosen, count = WRITERS[name]
    write(tmp_path)
    captions = read_captions(tmp_path)
    assert captions.languages == languages
    dataset = captions.dataset(language=chosen)
    assert (len(dataset.images), len(dataset.texts)) == (4, count)
    assert said_of_each(dataset) == painted(dataset)
    assert (dataset.missing, dataset.broken, dataset.name) == ((), (), tmp_path.name)


@pytest.mark.parametrize(
    ("write", "inside"),
    [
        (cited.write_xtd10, "XTD10"),
        (cited.write_multi30k, "data/task1"),
        (cited.write_multi30k, "data/task1/raw"),
        (cited.write_xflickrco, "annotations"),
        (cited.write_xm3600, "captions.jsonl"),
    ],
)
def test_a_folder_or_file_inside_finds_the_same_pictures(write: Writer, inside: str, tmp_path: Path) -> None:
    """Whoever names the folder of captions need not know where pictures are looked for."""
    write(tmp_path)
    whole, part = read_captions(tmp_path), read_captions(tmp_path / inside)
    language = whole.languages[0]
    assert part.languages == whole.languages
    assert part.dataset(language=language).texts == whole.dataset(language=language).texts


def test_multi30k_has_splits_and_a_second_task(tmp_path: Path) -> None:
    """Task 2 has several captions of each picture of task 1; --split names another test or val."""
    cited.write_multi30k(tmp_path)
    assert load_dataset(tmp_path, split="val", language="de").texts[0] == "red val de"
    assert (
        load_dataset(tmp_path, split="test_2017_flickr", language="fr").texts[3]
        == "yellow test_2017_flickr fr"
    )
    second = load_dataset(tmp_path / "data" / "task2", language="de")
    assert second.texts == tuple(f"{colour} {number}" for number in (1, 2) for colour in FOUR)
    assert [len(own) for own in second.captions_of()] == [2] * 4


def test_coco_cn_takes_the_pictures_of_its_split(tmp_path: Path) -> None:
    """Names lack their suffix; the others' captions are left out, in whichever file a person names."""
    cited.write_coco_cn(tmp_path)
    assert [len(load_dataset(tmp_path, split=split).texts) for split in (None, "val")] == [3, 1]
    assert read_captions(tmp_path).languages == ["zh"]
    other = tmp_path / "coco-cn-version1805v1.1" / "imageid.manually-translated-caption.txt"
    cited.write(other, cited.coco_name(1).replace(".jpg", "#0\t绿\n"))
    assert load_dataset(other, pictures=tmp_path / "train2014").texts == ("绿",)


def test_stair_and_flickr30k_cn(tmp_path: Path) -> None:
    """One is COCO's form in Japanese, the other Flickr's in Chinese, with or without a header and numbers."""
    cited.paint(tmp_path / "val2014" / cited.coco_name(1), "red")
    notes = {
        "images": [{"id": 1, "file_name": cited.coco_name(1)}],
        "annotations": [{"id": 5, "image_id": 1, "caption": "赤い"}],
    }
    cited.write_json(tmp_path / "stair_captions_v1.2_val.json", notes)
    cited.write_json(tmp_path / "stair_captions_v1.2_val_tokenized.json", {"images": [], "annotations": []})
    assert read_captions(tmp_path).languages == ["ja"]
    assert load_dataset(tmp_path, language="ja").texts == ("赤い",)
    cited.paint(tmp_path / "cn" / "flickr30k-images" / "1.jpg", "red")
    for text in ("1.jpg#0\t红\n1.jpg#1\t红色\n", "image\tcaption\n1.jpg\t红\n1.jpg\t红色\n"):
        cited.write(tmp_path / "cn" / "flickr30k_cn_test.txt", text)
        assert load_dataset(tmp_path / "cn", language="zh").texts == ("红", "红色")


def test_lines_that_do_not_pair_up_are_refused(tmp_path: Path) -> None:
    """A caption less would move all below it to another picture; an empty one is left out by its number."""
    cited.write_xtd10(tmp_path)
    file = tmp_path / "XTD10" / "test_1kcaptions_it.txt"
    file.write_text("uno\r\n\r\ntre\r\nquattro\r\n\r\n", "utf-8-sig")
    dataset = load_dataset(tmp_path, language="it")
    assert (dataset.texts, dataset.answers) == (("uno", "tre", "quattro"), (0, 1, 2))
    assert [image.name for image in dataset.images] == [cited.coco_name(number) for number in (0, 2, 3)]
    assert dataset.broken == ("test_1kcaptions_it.txt, line 2: no caption",)
    file.write_text("uno\ntre\nquattro\n")
    with pytest.raises(UsageError, match=r"has 3 captions for the 4 pictures of test_image_names\.txt"):
        load_dataset(tmp_path, language="it")


def test_one_bad_row_of_many_languages_leaves_the_rest(tmp_path: Path) -> None:
    """Each fault is told by its line, and by its file where there are several."""
    cited.write_xm3600(tmp_path / "a")
    with (tmp_path / "a" / "captions.jsonl").open("a") as file:
        file.write('{"image/key": "red", "en": {"caption": 5}}\n{"image/key": 5\n')
    assert len(load_dataset(tmp_path / "a", language="en").texts) == 8
    assert len(read_captions(tmp_path / "a").broken) == 2
    cited.write_xflickrco(tmp_path / "b")
    with (tmp_path / "b" / "annotations" / "de" / "test.jsonl").open("a") as file:
        file.write('{"img_path": "red.jpg"}\n')
    (fault,) = read_captions(tmp_path / "b").broken
    assert fault.startswith("test.jsonl, line 5: needs image and caption")


def test_a_language_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    """So that nobody looks for codes."""
    cited.write_xtd10(tmp_path)
    with pytest.raises(UsageError, match="no captions in ko: it has it, en, ja"):
        load_dataset(tmp_path, language="ko")


def test_missing_pictures_are_told_with_where_their_makers_have_them(tmp_path: Path) -> None:
    """Where none is on disk; `pictures` says where they are, COCO's under either name."""
    cited.write_xtd10(tmp_path / "xtd")
    elsewhere = tmp_path / "coco" / "val2017"
    for folder in ("train2014", "val2014"):
        for file in (tmp_path / "xtd" / folder).iterdir():
            elsewhere.mkdir(parents=True, exist_ok=True)
            file.rename(elsewhere / file.name.rpartition("_")[2])
    with pytest.raises(UsageError, match=r"none of the 4 pictures .* got from http://images.cocodataset.org"):
        load_dataset(tmp_path / "xtd", language="it")
    for pictures in (tmp_path / "coco", elsewhere):
        assert len(load_dataset(tmp_path / "xtd", language="it", pictures=pictures).images) == 4
    with pytest.raises(NotFoundError, match="no folder of pictures"):
        load_dataset(tmp_path / "xtd", language="it", pictures=tmp_path / "nowhere")


def test_a_picture_of_the_same_name_in_another_folder_is_not_taken(tmp_path: Path) -> None:
    """cats/1.jpg is not dogs/1.jpg."""
    cited.paint(tmp_path / "cats" / "1.jpg", "red")
    rows = [{"image": f"{folder}/1.jpg", "caption": folder} for folder in ("cats", "dogs")]
    cited.write(tmp_path / "pairs.jsonl", cited.lines(*map(json.dumps, rows)))
    for pictures in (None, tmp_path / "cats"):
        dataset = load_dataset(tmp_path, pictures=pictures)
        assert (dataset.texts, dataset.missing) == (("cats",), ("dogs/1.jpg",))


def test_what_lies_beside_a_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    """A person's own captions, in a folder beside those of xFlickr&CO and Multi30k."""
    cited.write_xflickrco(tmp_path / "annotations")
    cited.write_multi30k(tmp_path)
    own = tmp_path / "annotations" / "annotations" / "mine"
    cited.paint(own / "a.jpg", "red")
    cited.write(own / "captions.txt", "image,caption\na.jpg,mine\n")
    assert load_dataset(own).texts == ("mine",)
    assert read_captions(own.parent / "tr").languages == ["de", "tr"]


def test_a_file_that_is_no_text_is_told_in_one_line(tmp_path: Path) -> None:
    """Also where the first look at it is to tell which dataset it is."""
    (tmp_path / "a.jsonl").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(UsageError, match=r"a\.jsonl is no text") as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    assert find_compositional(tmp_path) == []
