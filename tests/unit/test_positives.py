"""ECCV-Caption and CxC: all right answers for COCO's test pictures, with trec_eval as the oracle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from tests import cited
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset, read_captions
from vasari.retrieval.evaluation.metrics import interval
from vasari.retrieval.evaluation.positives import Positives, find_positives, positive_figures


def numbered(images: int, texts: int) -> Dataset:
    """A dataset of pictures i0, i1, … and captions t0, t1, …, of which number n belongs to picture n modulo images."""
    return Dataset(
        "drawn",
        Path(),
        tuple(Path(f"{number}.jpg") for number in range(images)),
        tuple(f"text {number}" for number in range(texts)),
        tuple(number % images for number in range(texts)),
        image_ids=tuple(f"i{number}" for number in range(images)),
        text_ids=tuple(f"t{number}" for number in range(texts)),
    )


def frozen(right: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    return {one: frozenset(more) for one, more in right.items()}


def by_trec_eval(right: dict[str, set[str]], scores: dict[str, dict[str, float]]) -> dict[str, list[float]]:
    """mAP@R, R-precision and R@k of each query, by pytrec_eval, query by query in the order of `right`."""
    found: dict[str, list[float]] = {name: [] for name in ("mAP@R", "R-precision", "R@1", "R@5", "R@10")}
    for query, answers in right.items():
        measures = {f"map_cut.{len(answers)}", "Rprec", "success.1,5,10"}
        evaluator = pytrec_eval.RelevanceEvaluator({query: dict.fromkeys(answers, 1)}, measures)
        told = evaluator.evaluate({query: scores[query]})[query]
        found["mAP@R"].append(told[f"map_cut_{len(answers)}"])
        found["R-precision"].append(told["Rprec"])
        for k in (1, 5, 10):
            found[f"R@{k}"].append(told[f"success_{k}"])
    return found


@pytest.mark.parametrize("seed", range(8))
def test_figures_of_both_directions_are_those_of_trec_eval(seed: int) -> None:
    """On drawn right answers and scores without ties."""
    generator = np.random.default_rng(seed)
    dataset = numbered(images := 12, texts := 30)
    scores = generator.permutation(images * texts).reshape(texts, images).astype(np.float32)
    right = generator.random((texts, images)) < 0.3
    images_of = {f"t{t}": {f"i{i}" for i in np.flatnonzero(right[t])} for t in range(texts) if right[t].any()}
    texts_of = {
        f"i{i}": {f"t{t}" for t in np.flatnonzero(right[:, i])} for i in range(images) if right[:, i].any()
    }
    positives = Positives("drawn", frozen(images_of), frozen(texts_of))
    told = positive_figures(positives, dataset, scores)
    tables = (
        {f"t{t}": {f"i{i}": float(scores[t, i]) for i in range(images)} for t in range(texts)},
        {f"i{i}": {f"t{t}": float(scores[t, i]) for t in range(texts)} for i in range(images)},
    )
    for way, of, table in zip(("text_to_image", "image_to_text"), (images_of, texts_of), tables, strict=True):
        expected = by_trec_eval(of, table)
        assert told[way]["queries"] == len(of)
        for name, values in expected.items():
            assert told[way][name] == pytest.approx(np.mean(values), abs=1e-9)
    recalls = np.array(by_trec_eval(images_of, tables[0])["R@1"])
    owners = [int(text[1:]) % images for text in images_of]
    assert told["text_to_image"]["intervals"]["R@1"] == pytest.approx(interval(recalls, groups=owners))


def test_the_published_definition_worked_out_by_hand() -> None:
    """Of three right pictures the first two places hold one, the third a second: mAP@R (1 + 0 + 2/3) / 3."""
    scores = np.array([[9, 8, 7, 6]], np.float32)
    positives = Positives("x", {"t0": frozenset({"i0", "i2", "i3"})}, {})
    told = positive_figures(positives, numbered(4, 1), scores)["text_to_image"]
    assert told["mAP@R"] == pytest.approx((1 + 2 / 3) / 3)
    assert told["R-precision"] == pytest.approx(2 / 3)
    assert told["R@1"] == 1


def test_a_tie_counts_against_the_right_answer() -> None:
    """A model that scores everything alike finds nothing."""
    positives = Positives("x", {"t0": frozenset({"i0"})}, {})
    told = positive_figures(positives, numbered(4, 1), np.zeros((1, 4), np.float32))["text_to_image"]
    assert (told["R@1"], told["mAP@R"]) == (0, 0)


def test_what_is_not_on_disk_is_neither_asked_nor_sought() -> None:
    """A caption whose right pictures are all missing is no query."""
    right = {"t0": frozenset({"i0", "i9"}), "t1": frozenset({"i9"}), "t8": frozenset({"i0"})}
    told = positive_figures(Positives("x", right, {}), numbered(2, 2), np.eye(2, dtype=np.float32))
    assert (told["text_to_image"]["queries"], told["text_to_image"]["R-precision"]) == (1, 1)
    assert told["image_to_text"] == {"queries": 0}


def test_a_right_caption_that_nothing_can_find_counts_where_the_dataset_has_none_of_its_id(
    tmp_path: Path,
) -> None:
    """ECCV-Caption names two that are none of the test captions; those of missing pictures do not count."""
    cited.write_karpathy(tmp_path)
    cited.write_eccv(tmp_path, {1000: [100], 1001: [100], 144675: [100], 1010: [100]})
    (tmp_path / "val2014" / cited.coco_name(101)).unlink()  # and with it caption 1010
    captions, (eccv,) = find_positives(tmp_path, read_captions(tmp_path))
    assert eccv.strangers == {"144675"}
    dataset = captions.dataset()
    scores = np.array([[text == image for image in range(3)] for text in dataset.answers], np.float32)
    told = positive_figures(eccv, dataset, scores)
    assert told["image_to_text"]["R-precision"] == pytest.approx(2 / 3)
    assert told["text_to_image"]["R-precision"] == 1


RIGHT = {1000: [100, 102], 1011: [101]}


def test_files_are_found_in_a_folder_of_coco(tmp_path: Path) -> None:
    """As the package and the repository have them; in CxC what people gave less than 3 does not count."""
    cited.write_karpathy(tmp_path)
    cited.write_eccv(tmp_path, RIGHT)
    cited.write_cxc(tmp_path, "test", {(1000, 100): 5, (1000, 101): 3, (1010, 101): 2.99})
    captions, (eccv, cxc) = find_positives(tmp_path, read_captions(tmp_path))
    assert len(captions.pairs) == 8
    assert (eccv.name, cxc.name) == ("ECCV-Caption", "CxC")
    assert eccv.images_of["1000"] == {"100", "102"}
    assert eccv.captions_of == frozen({"100": {"1000"}, "102": {"1000"}, "101": {"1011"}})
    assert cxc.images_of == frozen({"1000": {"100", "101"}})
    assert cxc.captions_of == frozen({"100": {"1000"}, "101": {"1000"}})


def test_each_split_has_its_own_table(tmp_path: Path) -> None:
    """ECCV-Caption is of the test pictures alone."""
    cited.write_karpathy(tmp_path)
    cited.write_eccv(tmp_path, RIGHT)
    cited.write_cxc(tmp_path, "val", {(1000, 100): 5})
    captions = read_captions(tmp_path)
    assert [one.name for one in find_positives(tmp_path, captions)[1]] == ["ECCV-Caption"]
    assert [one.name for one in find_positives(tmp_path, captions, "val")[1]] == ["CxC"]


def coco_2014(root: Path) -> None:
    """captions_val2014.json as COCO publishes it, with a picture that is none of the test's."""
    cited.write_karpathy(root)
    rows = json.loads((root / "dataset_coco.json").read_text())["images"]
    (root / "dataset_coco.json").unlink()
    cited.paint(root / "val2014" / cited.coco_name(7), "black")
    images = [{"id": row["cocoid"], "file_name": row["filename"]} for row in rows]
    notes = [
        {"id": said["sentid"], "image_id": row["cocoid"], "caption": said["raw"]}
        for row in rows
        for said in row["sentences"]
    ]
    data = {
        "images": [*images, {"id": 7, "file_name": cited.coco_name(7)}],
        "annotations": [*notes, {"id": 70, "image_id": 7, "caption": "black"}],
    }
    cited.write_json(root / "annotations" / "captions_val2014.json", data)


def test_without_karpathys_file_another_says_which_pictures_are_the_tests(tmp_path: Path) -> None:
    """Where nothing does, that is said; the file of captions alone is measured as it is."""
    coco_2014(tmp_path)
    cited.write_eccv(tmp_path, RIGHT)
    with pytest.raises(
        UsageError, match=r"ECCV-Caption is measured on the 5,000 test pictures .* dataset_coco\.json"
    ):
        find_positives(tmp_path, read_captions(tmp_path))
    file = tmp_path / "annotations" / "captions_val2014.json"
    assert find_positives(file, read_captions(file))[1] == []
    original = {str(100 + number): [1000 + 10 * number] for number in range(4)}
    cited.write_json(tmp_path / "eccv_caption-0.1.0" / "original_image_to_caption.json", original)
    captions, (eccv,) = find_positives(tmp_path, read_captions(tmp_path))
    dataset = captions.dataset()
    assert (len(dataset.images), eccv.name) == (4, "ECCV-Caption")
    scores = np.array([[text == image for image in range(4)] for text in dataset.answers], np.float32)
    told = positive_figures(eccv, dataset, scores)["text_to_image"]
    assert (told["queries"], told["R@1"], told["R-precision"]) == (2, 1, 0.75)


def test_captions_of_other_pictures_are_refused(tmp_path: Path) -> None:
    """Measured on the few that two years have in common, figures would be far too high."""
    coco_2014(tmp_path)
    cited.write_eccv(tmp_path, RIGHT)
    cited.write_json(tmp_path / "original_image_to_caption.json", {"100": [1000], "555": [1]})
    with pytest.raises(
        UsageError, match=r"no captions of 1 of the 2 test pictures .* captions_val2014\.json"
    ):
        find_positives(tmp_path, read_captions(tmp_path))


def test_a_collection_without_ids_has_none(tmp_path: Path) -> None:
    """A person's own captions beside such a file are what they were."""
    cited.paint(tmp_path / "a.jpg", "red")
    cited.write(tmp_path / "captions.txt", "image,caption\na.jpg,red\n")
    cited.write_eccv(tmp_path, RIGHT)
    assert find_positives(tmp_path, read_captions(tmp_path))[1] == []


def test_bad_rows_and_files_are_named(tmp_path: Path) -> None:
    """A row that cannot be used leaves the rest; a file that is none of the form ends it in one line."""
    cited.write_karpathy(tmp_path)
    cited.write_cxc(tmp_path, "test", {(1000, 100): 5})
    with (tmp_path / "data" / "sits_test.csv").open("a") as file:
        file.write("a,b,c,d\n1,2\n")
    (cxc,) = find_positives(tmp_path, read_captions(tmp_path))[1]
    places = sorted(line.partition(":")[0] for line in cxc.broken)
    assert places == ["sits_test.csv, line 3", "sits_test.csv, line 4"]
    cited.write(tmp_path / "data" / "sits_test.csv", "caption,image\n")
    with pytest.raises(UsageError, match="has no column agg_score"):
        find_positives(tmp_path, read_captions(tmp_path))
    (tmp_path / "data" / "sits_test.csv").unlink()
    cited.write_json(tmp_path / "eccv_caption_to_image.json", [1])
    cited.write_json(tmp_path / "eccv_image_to_caption.json", {"1": 5})
    with pytest.raises(UsageError, match="no object that has a list of ids"):
        find_positives(tmp_path, read_captions(tmp_path))
