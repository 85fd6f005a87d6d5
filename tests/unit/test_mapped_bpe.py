"""Gemma's tokenizer from its table gives the rows of the `tokenizers` library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from tests.models import SENTENCES
from vasari.retrieval.models.export.bpe_table import write
from vasari.retrieval.models.export.tokenizer_table import write_table
from vasari.retrieval.models.mapped_bpe import TABLE_FILE, MappedBpe
from vasari.retrieval.models.tokenizers import JSON_FILE, JsonTokenizer, TextPreprocessing

SETTINGS = TextPreprocessing(24, clean="none", pad_id=0)
WORDS = [
    "boat",
    "snow",
    " ",
    "▁",
    "▁▁",
    "aaaaaaa",
    "é",
    "灯台",
    "🦊🏽",
    "<eos>",
    "<tag>",
    "İΣ",
    "\n",
    "x" * 2100,
]


def gemma() -> Tokenizer:
    """A small one, trained on a few sentences."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    sentences = [*SENTENCES, *(sentence.replace(" ", "  ") for sentence in SENTENCES), "aaaa aaaaaaaa"]
    tokenizer.train_from_iterator(
        sentences * 3, trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False)
    )
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [
        token for token in content["added_tokens"] if not token["content"].startswith("<0x")
    ]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_tokens([AddedToken("<tag>", normalized=False), AddedToken("▁▁", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<eos>", 1), ("<bos>", 2)]
    )
    return tokenizer


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[MappedBpe, JsonTokenizer]:
    folder = tmp_path_factory.mktemp("gemma")
    gemma().save(str(folder / JSON_FILE))
    assert write_table(folder, SETTINGS) == "bpe"
    return MappedBpe.open(folder, SETTINGS), JsonTokenizer.open(folder, SETTINGS)


texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=8).map(" ".join)


@given(st.lists(texts | st.sampled_from(SENTENCES), min_size=1, max_size=4))
@example([""])
@example([" leading", "trailing ", "two  spaces", "   "])
@example(["many words " * 60])
def test_rows_are_those_of_the_library(both: tuple[MappedBpe, JsonTokenizer], given: list[str]) -> None:
    """Whatever is typed: other scripts, emoji, spaces, special tokens, too long a text."""
    mine, theirs = both
    assert np.array_equal(mine(given), theirs(given))


def test_words_are_joined(both: tuple[MappedBpe, JsonTokenizer]) -> None:
    """A sentence that was seen in training is a few tokens, not its letters."""
    row = both[0]([SENTENCES[0]])[0]
    assert np.count_nonzero(row) < len(SENTENCES[0]) / 2


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        ("model", {"byte_fallback": False}),
        ("model", {"type": "Unigram"}),
        ("model", {"dropout": 0.5}),
        ("model", {"ignore_merges": True}),
        ("normalizer", {"type": "NFKC"}),
        ("pre_tokenizer", {"type": "Metaspace"}),
        ("post_processor", {"type": "ByteLevel"}),
    ],
)
def test_other_tokenizers_are_read_as_they_are(tmp_path: Path, part: str, settings: dict[str, Any]) -> None:
    """No table is written for them."""
    content = json.loads(gemma().to_str())
    content[part] = {**content[part], **settings}
    (tmp_path / JSON_FILE).write_text(json.dumps(content), encoding="utf-8")
    assert not write(tmp_path, SETTINGS)
    assert not (tmp_path / TABLE_FILE).exists()
