"""Which model is recommended for a language, a memory and a collection; how fast this machine is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speed import a_speed, pretend
from vasari.retrieval.errors import UsageError
from vasari.retrieval.models import speed as speeds
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.recommend import (
    A_NIGHT,
    Candidate,
    Recommendation,
    memory_of,
    parse_bytes,
    recommend,
)
from vasari.retrieval.models.registry.preset_table import VisionTower
from vasari.retrieval.models.registry.presets import PRESETS
from vasari.retrieval.models.registry.published import languages, recall_in

GB = 10**9


def names(found: Recommendation) -> list[str]:
    return [candidate.preset.name for candidate in found.candidates]


def chosen(found: Recommendation) -> str:
    assert found.choice is not None
    return found.choice.preset.name


def test_candidates_come_by_recall_in_the_language() -> None:
    """English is COCO's, which models of English have too; other languages are those of XM3600."""
    english, german = recommend(a_speed()), recommend(a_speed(), language="de")
    for found in (english, german):
        recalls = [candidate.recall for candidate in found.candidates]
        assert recalls == sorted(recalls, reverse=True)
    assert {"fast", "pe-core-g14"} <= set(names(english)) - set(names(german))
    assert {"nllb-siglip-base"} <= set(names(german)) - set(names(english))
    assert {candidate.recall for candidate in german.candidates} == {
        recall_in(candidate.preset.reference, "de") for candidate in german.candidates
    }
    assert (english.recall_is, german.language) == ("R@1 on COCO", "German")
    assert all(candidate.preset.kind is ModelKind.DUAL_ENCODER for candidate in english.candidates)


def test_the_choice_finds_the_most_within_a_night() -> None:
    """More pictures leave less time for each, and so a smaller model; where none is in time, the fastest."""
    few, many = recommend(a_speed(), images=100), recommend(a_speed(), images=200_000)
    assert chosen(few) in {"pe-core-g14", "pe-core-l14"}
    assert few.choice is not None
    assert many.choice is not None
    assert many.choice.recall < few.choice.recall
    assert many.choice.seconds <= A_NIGHT
    endless = recommend(a_speed(), images=10**9)
    assert endless.choice is not None
    assert endless.choice.seconds == min(candidate.seconds for candidate in endless.candidates)


def test_of_models_that_find_alike_the_faster_one_is_chosen() -> None:
    """In German SigLIP 2 L finds 1 % less than its So400m in a third of the time."""
    found = recommend(a_speed(), language="de", memory=4 * GB)
    assert chosen(found) == "siglip2-l16"


def test_a_licence_to_be_agreed_to_is_worth_five_percent() -> None:
    """In Bengali nothing else finds much; in Spanish a free model does as well."""
    bengali, spanish = (recommend(a_speed(), language=code, memory=6 * GB) for code in ("bn", "es"))
    assert chosen(bengali) == "nllb-siglip-base"
    assert bengali.choice is not None
    assert bengali.choice.restricted
    assert bengali.open_choice is not None
    assert bengali.open_choice.preset.name == "msiglip-b16"
    assert not PRESETS[chosen(spanish)].ask_before_download
    assert spanish.open_choice is None


def test_what_needs_more_memory_is_not_chosen() -> None:
    """It is listed as not fitting; where nothing fits, nothing is chosen."""
    found = recommend(a_speed(), memory=8 * GB // 10)
    assert [candidate.preset.name for candidate in found.candidates if candidate.fits] == ["pe-core-s16"]
    assert chosen(found) == "pe-core-s16"
    assert recommend(a_speed(), memory=7 * GB // 10).choice is None
    assert all(candidate.fits for candidate in recommend(a_speed()).candidates)


def test_bengali_has_a_model_for_a_laptop() -> None:
    """Of those that are exported from their files, without two copies of them."""
    assert chosen(recommend(a_speed(), language="bn", memory=2 * GB)) == "msiglip-b16"


def test_memory_is_near_what_was_measured() -> None:
    """Peaks of a first index of 500 photos, in MiB."""
    for name, measured in {"fast": 973, "small": 1773, "siglip2-b32": 1163}.items():
        assert memory_of(PRESETS[name]) / 2**20 == pytest.approx(measured, rel=0.03)


def test_a_model_is_outdone_by_one_that_finds_more_for_no_more() -> None:
    """Never by one whose licence restricts use, if its own does not."""
    found = recommend(a_speed(), language="zh")
    by_name = {candidate.preset.name: candidate for candidate in found.candidates}
    assert by_name["siglip2-l16"].outdone_by == "xlm-roberta-b32"
    assert by_name["xlm-roberta-b32"].outdone_by is None
    for candidate in found.candidates:
        if candidate.outdone_by is not None:
            assert no_worse(by_name[candidate.outdone_by], candidate)
            assert candidate.restricted or not by_name[candidate.outdone_by].restricted


@given(st.sampled_from(sorted(languages())), st.integers(1, 30), st.integers(1, 10**7))
def test_the_choice_fits_and_is_outdone_by_none(language: str, gigabytes: int, images: int) -> None:
    """Whatever is asked; and what fits is outdone by what fits only, so that something remains."""
    found = recommend(a_speed(), language=language, memory=gigabytes * GB, images=images)
    by_name = {candidate.preset.name: candidate for candidate in found.candidates}
    fitting = [candidate for candidate in found.candidates if candidate.fits]
    assert (found.choice is None) == (not fitting)
    if found.choice is not None:
        assert found.choice in fitting
        assert found.choice.outdone_by is None
    for candidate in fitting:
        assert candidate.outdone_by is None or by_name[candidate.outdone_by].fits


def no_worse(one: Candidate, other: Candidate) -> bool:
    costs = one.seconds <= 1.05 * other.seconds and one.memory_bytes <= 1.05 * other.memory_bytes
    return one.recall > other.recall and costs


@pytest.mark.parametrize(
    ("given", "understood"),
    [("bn", "Bengali"), ("BN", "Bengali"), ("bengali", "Bengali"), ("zh-CN", "Chinese"), ("nb", "Norwegian")],
)
def test_a_language_is_a_code_or_a_name(given: str, understood: str) -> None:
    assert recommend(a_speed(), language=given).language == understood


def test_a_language_without_figures_is_refused_with_those_there_are() -> None:
    """And with the nearest, for a slip."""
    with pytest.raises(UsageError, match=r"'xx': there are ar, bn.*zh$"):
        recommend(a_speed(), language="xx")
    with pytest.raises(UsageError, match="did you mean 'sw'"):
        recommend(a_speed(), language="swahilli")


def test_every_language_has_a_model() -> None:
    """Of each of the 36 there is at least one that knows it."""
    assert all(recommend(a_speed(), language=code).choice for code in languages())


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * GB), ("4 gb", 4 * GB), ("1.5G", 1_500_000_000), ("512MiB", 512 * 2**20), ("1048576", 2**20)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "4 apples", "4GBB", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes(text)


def test_a_machine_is_measured() -> None:
    """A wider block takes longer, and a tower as long as its blocks; decoding takes its part."""
    narrow, wide = (VisionTower(width, 4 * width, layers=2, heads=4, tokens=64) for width in (64, 512))
    found = speeds.measure("cpu", "float32", towers=[narrow, wide])
    assert (found.device, found.precision, found.asked) == ("cpu", "float32", "cpu/float32")
    rates = [found.pictures_per_second(tower) for tower in (narrow, wide)]
    assert rates[0] is not None
    assert rates[1] is not None
    assert rates[0] > rates[1]
    assert rates[0] < found.cores / found.decode_seconds
    assert found.pictures_per_second(VisionTower(65, 260, layers=2, heads=5, tokens=64)) is None
    assert found.here


def test_decoding_goes_on_beside_a_gpu() -> None:
    """The slower of the two counts, where on a CPU their times add up."""
    tower = PRESETS["balanced"].tower
    assert tower is not None
    cpu, gpu = a_speed(), a_speed(device="cuda")
    encode = tower.gflops / 300
    assert cpu.pictures_per_second(tower) == pytest.approx(1 / (encode / 2 + 0.01))
    assert gpu.pictures_per_second(tower) == pytest.approx(1 / max(encode, 0.01))


def test_what_was_measured_is_remembered_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not for another one, nor for another device or precision; damage is measured again."""
    measured = pretend(monkeypatch, tmp_path)
    monkeypatch.setattr(speeds, "measure", lambda device, precision: a_speed(f"{device}/{precision}"))
    assert speeds.remembered() == measured
    assert speeds.of_this_machine() == measured
    assert speeds.of_this_machine("cpu").asked == "cpu/auto"
    assert speeds.remembered() == a_speed("cpu/auto")
    monkeypatch.setattr(speeds, "_processor", lambda: "another")
    assert speeds.remembered() is None
    (tmp_path / "speed.json").write_text("{", encoding="utf-8")
    assert speeds.remembered() is None
