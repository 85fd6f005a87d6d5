"""The recipe of the built-in photo model: its parts, the words it learns from, and the model that ships."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random

import numpy as np
import pytest
from tokenizers import Tokenizer

from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.models.registry.presets import builtin_models_directory, find_preset
from vasari.training.recipes import photo_classes, starter, starter_parts, starter_texts
from vasari.training.recipes.e5_teacher import WeightFile

MODEL = builtin_models_directory() / "starter"


def test_a_part_with_another_checksum_is_refused(tmp_path: Path) -> None:
    """A package that is not the one the recipe names is not used, and the line says which file to remove."""
    for part in starter_parts.PARTS:
        (tmp_path / part.file).write_bytes(b"something else")
    with pytest.raises(ModelUnavailableError, match="remove it"):
        starter_parts.obtain(tmp_path)


def test_weights_of_four_bits_are_read_back(tmp_path: Path) -> None:
    """A block is a scale and 32 numbers from -8 to 7: the low halves of its bytes first, then the high ones."""
    numbers = np.arange(32) % 16
    block = np.float16(0.5).tobytes() + bytes(int(numbers[i] | numbers[i + 16] << 4) for i in range(16))
    sizes = struct.pack("<7if6i", 32, 0, 1, 32, 1, 8, 1, 1e-5, 32, 1, 0, 0, 0, 0)
    vocabulary = struct.pack("<Q2If", 3, 0, 3, -1.0) + "▁".encode()
    place = len(b"E5S10000" + sizes + vocabulary) + 8 + 4 + 2 + len("emb.word") + 1 + struct.calcsize("<IQQ")
    directory = struct.pack("<iIiH", 0, 0, 1, len("emb.word")) + b"emb.word" + b"\0"
    directory += struct.pack("<IQQ", 32, place, len(block))
    path = tmp_path / "tiny.bin"
    path.write_bytes(b"E5S10000" + sizes + vocabulary + directory + block)
    file = WeightFile(path)
    assert file.vocabulary == [("▁", -1.0)]
    assert file.matrix("emb.word", 1, 32)[0].tolist() == ((numbers - 8) * 0.5).tolist()


def test_words_of_one_stem_are_one() -> None:
    """Number and tense do not change what a word says of a class."""
    assert {photo_classes.stem(word) for word in ("run", "runs", "running", "runner")} == {"run"}
    assert photo_classes.stem("children") == photo_classes.stem("kid") == photo_classes.stem("child")
    assert photo_classes.stem("beaches") == photo_classes.stem("beach")


def test_every_scene_names_a_class_and_every_glossary_row_has_six_languages() -> None:
    """Our own two word lists can be used whole."""
    assert sum(map(len, photo_classes.scenes(photo_classes.class_names()).values())) > 1000
    assert {len(row) for row in starter_texts.glossary()} == {len(starter_texts.LANGUAGES)}


def test_captions_of_the_grammar_are_whole() -> None:
    """None has a bracket left, and each is there once."""
    made = starter_texts.made_sentences()
    assert len(made) == len(set(made)) == 48_000
    assert not any("[" in text or "]" in text for text in made)


def test_whitening_evens_out_the_variance_of_texts() -> None:
    """A direction of a hundred times the variance has its power less a share of it afterwards."""
    spread = np.array([10.0, 1.0], dtype=np.float32)
    targets = np.zeros((1000, photo_classes.COUNT), dtype=np.float32)
    targets[:, :2] = np.random.default_rng(0).normal(size=(1000, 2)) * spread
    texts = starter_texts.Texts([""] * 1000, targets, {}, np.full(1000, 1e-3))
    basis = np.eye(photo_classes.COUNT, dtype=np.float32)[:, :2]
    unit = photo_classes.unit(targets @ basis)
    before, after = unit.std(axis=0), (unit @ starter.whitened(basis, texts)[:2]).std(axis=0)
    assert after[0] / after[1] == pytest.approx(
        (before[0] / before[1]) ** (1 - 2 * starter.WHITENING), rel=0.02
    )


def test_a_typing_error_changes_one_place_only() -> None:
    """The first letter stays, and the length changes by one at most."""
    random = Random(0)
    slips = {starter_texts.typed_wrongly("mountain", random) for _ in range(50)}
    assert len(slips) > 10
    assert all(slip[0] == "m" and 7 <= len(slip) <= 9 for slip in slips)


def test_the_model_is_small_and_reads_any_case_alike() -> None:
    """At most 30 MB; the preset says its length; capitals and wide letters make no difference."""
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 30e6
    configuration = json.loads((MODEL / "open_clip_config.json").read_text(encoding="utf-8"))
    assert configuration["model_cfg"]["embed_dim"] == find_preset("starter").dim
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    assert tokenizer.encode("DOG").ids == tokenizer.encode("dog").ids == tokenizer.encode("ｄｏｇ").ids
    assert tokenizer.encode("Hund im Schnee 雪の中の犬 雪地里的狗").ids.count(1) == 0  # 1: unknown


def test_signs_around_words_say_nothing() -> None:
    """A hashtag, quotes, brackets or an emoji leave a word the word that it is."""
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    plain = tokenizer.encode("dog").ids
    for typed in ("#dog", "(dog)", '"dog"', "«dog»", "dog🐶", "dog!", " dog "):
        assert tokenizer.encode(typed).ids == plain, typed
    assert tokenizer.encode("犬。").ids == tokenizer.encode("犬").ids
    assert tokenizer.encode("black-and-white").ids != tokenizer.encode("black and white").ids
