"""`vasari eval` as typed, on drawn scenes with the built-in models."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from vasari.training.scenes.dataset import render
from vasari.training.scenes.scene import Language, Split


def test_a_bad_picture_ends_no_evaluation(run: Run, tmp_path: Path) -> None:
    """Search, second stage, captions and questions: each leaves it out, and it is named with the reason."""
    folder = tmp_path / "scenes"
    render(folder, 5, 3, Split.HELDOUT, languages=[Language.ENGLISH], workers=1, progress=False)
    (folder / "images" / "000001.jpg").write_bytes(b"no picture")
    asked = ("eval", folder, "--model", "scenes", "--rerank", "--hybrid", "--understanding", "--fresh")
    code, out, err = run(*asked, "--json")
    assert code == 0, err
    told = json.loads(out)
    named = "000001.jpg: this is not an image"
    assert told["images"] == 2
    assert [line.startswith(named) for line in told["broken"]] == [True]
    assert [line.startswith(named) for line in told["understanding"]["broken"]] == [True]
    assert 0 <= told["understanding"]["captions"]["f1"] <= 1
    assert 0 <= told["understanding"]["questions"]["all"] <= 1


def test_fair_ranking_is_measured_beside_what_is(run: Run, tmp_path: Path) -> None:
    """Both corrections have figures, intervals and how even they are; a small bank is refused."""
    folder, bank = tmp_path / "scenes", tmp_path / "bank.txt"
    render(folder, 5, 3, Split.HELDOUT, languages=[Language.ENGLISH], workers=1, progress=False)
    bank.write_text("\n".join(f"{number} boats" for number in range(2000)) + "\n\n1 boats\n")
    asked = ("eval", folder, "--model", "scenes", "--fresh", "--fair", bank)
    code, out, err = run(*asked, "--json")
    assert code == 0, err
    told = json.loads(out)
    for name in ("dn", "nnn"):
        assert 0 <= told[name]["text_to_image"]["R@1"] <= 1
        assert len(told["intervals"][f"{name}_text_to_image"]["R@1"]) == 2
    assert list(told["hub_skewness"]) == ["text_to_image", "dn", "nnn"]
    bank.write_text("1 boats\n" * 2000)
    code, _, err = run(*asked)
    assert code == 2
    assert "at least 2,000 texts, this one has 1" in err
