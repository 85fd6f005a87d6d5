"""`vasari models list` and `info`, for somebody who has to choose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.speed import pretend
from vasari.retrieval.models.registry.presets import PRESETS
from vasari.retrieval.models.speed import Speed


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Speed:
    """What `vasari models recommend` measured on this machine, in a cache of its own."""
    speed = pretend(monkeypatch, tmp_path / "cache")
    monkeypatch.setattr("vasari.api.cli.recommending.measure", lambda *asked: speed)
    return speed


def test_the_list_tells_what_each_model_is_for_in_80_columns(run: Run, measured: Speed) -> None:
    """Use, languages, licence, download, recall and speed of each; nothing is wider than a terminal."""
    code, out, _ = run("models", "list")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    told = " ".join(out.split())
    for preset in PRESETS.values():
        assert f" {preset.name} " in told
        assert f"{preset.use[1:]}. " in told
        assert f"{preset.licence}." in told
    assert "siglip2-b32 1.5 GB 47.2 75.5 38.3 35 no" in told
    assert "fast 605 MB 39.9 64.9 – 35 no Photos on a laptop; the default. English. MIT." in told
    assert "34 of 36 languages. CC-BY-NC-4.0 (not for commercial use)." in told


def test_the_list_for_programs_has_the_figures_and_their_source(run: Run) -> None:
    """Recall is null where none was published, and by language where a source tells it."""
    found = {fields["name"]: fields for fields in json.loads(run("models", "list", "--json")[1])}
    assert list(found) == list(PRESETS)
    best = found["best"]
    assert best["coco_r1"] == {"image_to_text": 71.2, "text_to_image": 56.0}
    assert best["source"] == "SigLIP 2, Table 1 (arXiv 2502.14786)"
    assert (best["xm3600_by_language"]["bn"], best["xm3600_by_language"]["te"]) == (26.19, None)
    assert found["pe-core-l14"]["coco_r1"] == {"image_to_text": None, "text_to_image": 57.1}
    assert (found["small"]["coco_r1"], found["small"]["xm3600_by_language"]) == (None, {})
    assert found["fast"]["download_bytes"] == 4 * found["fast"]["parameters"]
    assert found["starter"]["download_bytes"] == 0


def test_one_model_is_told_in_full(run: Run) -> None:
    """The source of its figures, and each language that it has one for."""
    _, out, _ = run("models", "info", "nllb-siglip-base")
    assert "open_clip, docs/" in out
    assert "bn 73.75" in out
    assert "image to text 52.3, text to image 55.4" in out


def test_the_choice_is_made_for_a_language_a_machine_and_a_collection(run: Run, measured: Speed) -> None:
    """In Bengali only models of a licence to be agreed to find much: the command to fetch one says so."""
    code, out, _ = run("models", "recommend", "--language", "bn", "--memory", "6GB", "--images", "50000")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    told = " ".join(out.split())
    assert "50,000 pictures on 2 cores in bfloat16" in told
    assert "> nllb-siglip-base 73.8 5.2 3 hours 5.4 GB CC-BY-NC-4.0" in told
    assert "vasari models pull nllb-siglip-base --accept-licence" in told
    assert "(not for commercial use). Of an open licence: msiglip-b16." in told
    assert "more memory: nllb-siglip-large, siglip2-g16." in told
    assert "more time and memory: best, siglip2-l16." in told


def test_the_choice_for_programs(run: Run, measured: Speed) -> None:
    """Each model with what it costs; the ones that do not fit or are outdone are marked."""
    found = json.loads(run("models", "recommend", "--memory", "2GB", "--json")[1])
    assert (found["language"], found["choice"], found["open_choice"]) == ("English", "balanced", None)
    models = {fields["name"]: fields for fields in found["models"]}
    assert not models["best"]["fits"]
    assert models["fast"]["fits"]
    assert models["siglip2-g16"]["outdone_by"] == "pe-core-l14"
    assert [fields["recall"] for fields in found["models"]] == sorted(
        (fields["recall"] for fields in found["models"]), reverse=True
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--language", "klingon"], "nobody published how well models find in 'klingon': there are ar, bn"),
        (["--language", "Japanes"], "did you mean 'ja'?"),
        (["--memory", "lots"], "'lots' is no size: write 4GB"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(
    run: Run, measured: Speed, words: list[str], complaint: str
) -> None:
    code, _, err = run("models", "recommend", *words)
    assert code == 2
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_memory_that_suffices_for_no_model_is_said(run: Run, measured: Speed) -> None:
    """With the model that takes the least."""
    code, out, _ = run("models", "recommend", "--memory", "300MB")
    assert code == 0
    assert "Memory suffices for none: pe-core-s16 takes the least, 0.8 GB." in out
