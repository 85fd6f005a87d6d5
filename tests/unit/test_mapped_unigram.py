"""Unigram tokenizers from their tables give the rows of the `tokenizers` library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.models import SENTENCES
from tests.multilingual_models import unigram
from vasari.retrieval.models.export.tokenizer_table import write_table
from vasari.retrieval.models.export.unigram_table import write
from vasari.retrieval.models.mapped_unigram import PIECES_FILE, MappedUnigram
from vasari.retrieval.models.tokenizers import JSON_FILE, JsonTokenizer, TextPreprocessing

SETTINGS = TextPreprocessing(24, clean="none", pad_id=1)
MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = [
    "boat",
    "snow",
    " ",
    "▁",
    "▁▁",
    "aaaaaaa",
    "é",
    "ﬁ",
    "灯台",
    "Ж🦊🏽Ж",
    "</s>",
    "\n",
    "a\0",
    "x" * 2100,
]


def xlm_roberta() -> Tokenizer:
    """A small one, trained on a few sentences; two paths through "aaa" have one score."""
    pieces = [*unigram(MARKS), ("aaa", -3.0), ("aa", -2.0), ("qx", -1.0), ("q", -0.5), ("x", -0.5)]
    own = list({piece: (piece, score) for piece, score in pieces}.values())
    tokenizer = Tokenizer(models.Unigram(own, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("ß", "ss")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(MARKS)
    return tokenizer


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[MappedUnigram, JsonTokenizer]:
    folder = tmp_path_factory.mktemp("unigram")
    xlm_roberta().save(str(folder / JSON_FILE))
    assert write_table(folder, SETTINGS) == "unigram"
    return MappedUnigram.open(folder, SETTINGS), JsonTokenizer.open(folder, SETTINGS)


texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=8).map(" ".join)


@given(st.lists(texts | st.sampled_from(SENTENCES), min_size=1, max_size=4))
@example([""])
@example([" leading", "trailing ", "two  spaces", "   ", "qxqx aaaaaa"])
@example(["many words " * 60])
def test_rows_are_those_of_the_library(both: tuple[MappedUnigram, JsonTokenizer], given: list[str]) -> None:
    """Whatever is typed: other scripts, emoji, spaces, special tokens, too long a text."""
    mine, theirs = both
    assert np.array_equal(mine(given), theirs(given))


def test_words_are_pieces(both: tuple[MappedUnigram, JsonTokenizer]) -> None:
    """A sentence that was seen in training is fewer tokens than letters."""
    row = both[0]([SENTENCES[0][:20]])[0]
    assert np.count_nonzero(row != 1) < 18


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("model", {"byte_fallback": True}),
        ("model", {"type": "BPE"}),
        ("model", {"vocab": [["a", 0.0], ["a", -1.0], ["b", 0.0], ["<unk>", 0.0]]}),
        ("model", {"vocab": [["a" * 65, 0.0], ["a", -1.0], ["b", 0.0], ["<unk>", 0.0]]}),
        ("post_processor", {"type": "ByteLevel"}),
    ],
)
def test_other_tokenizers_are_read_as_they_are(tmp_path: Path, part: str, settings: dict[str, Any]) -> None:
    """No table is written for them."""
    content = json.loads(xlm_roberta().to_str())
    content[part] = {**content[part], **settings}
    (tmp_path / JSON_FILE).write_text(json.dumps(content), encoding="utf-8")
    assert not write(tmp_path, SETTINGS)
    assert not (tmp_path / PIECES_FILE).exists()
