"""Tiny models of many languages with random weights, with the tokenizers that the released ones have.

Their repositories hold a `tokenizer.json`: what reads it is transformers' class of each, which adds its own marks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import M2M100Config, NllbTokenizer, T5Tokenizer, XLMRobertaConfig, XLMRobertaTokenizer

from tests.models import SENTENCES, write_model

_PIECES = 150
_T5 = ["<pad>", "</s>", "<unk>"]
_LANGUAGES = ["eng_Latn", "ben_Beng", "zho_Hans"]


def unigram(special: list[str]) -> list[tuple[str, float]]:
    """Pieces with their scores, as SentencePiece has them; the marks first."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=_PIECES, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda piece: piece[1])
    return [(piece, 0.0 if piece in special else -float(number)) for piece, number in pieces]


def byte_pairs(special: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary with the marks first, and its merges."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=_PIECES, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    found = json.loads(tokenizer.to_str())["model"]
    return found["vocab"], [tuple(pair) for pair in found["merges"]]


def write_nllb(directory: Path) -> Path:
    """NLLB's encoder behind SigLIP's place: the mark of a language comes first, and is pooled."""

    def text_files(folder: Path) -> None:
        vocabulary, merges = byte_pairs(["<s>", "<pad>", "</s>", "<unk>"])
        tokenizer = NllbTokenizer(
            vocabulary, merges, src_lang="eng_Latn", additional_special_tokens=_LANGUAGES
        )
        tokenizer.save_pretrained(folder)
        M2M100Config(
            vocab_size=len(tokenizer) + 3,
            d_model=32,
            encoder_layers=2,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=128,
        ).save_pretrained(folder)

    text = {"hf_proj_type": "linear", "hf_pooler_type": "cls_pooler", "context_length": 77}
    return write_model(
        directory, "multilingual", text_cfg=text, text_files=text_files, resize_mode="shortest"
    )


def write_xlm_roberta(directory: Path) -> Path:
    """XLM-RoBERTa with its own tokenizer, as LAION trained it: the mean of all tokens, no projection named."""

    def text_files(folder: Path) -> None:
        tokenizer = XLMRobertaTokenizer(unigram(["<s>", "<pad>", "</s>", "<unk>"]))
        tokenizer.save_pretrained(folder)
        XLMRobertaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=80,
            type_vocab_size=1,
            pad_token_id=1,
        ).save_pretrained(folder)

    text = {"context_length": 77}
    return write_model(
        directory, "multilingual", text_cfg=text, text_files=text_files, resize_mode="shortest"
    )


def write_msiglip(directory: Path) -> Path:
    """SigLIP for many languages: the tokenizer of mT5."""

    def text_files(folder: Path) -> None:
        T5Tokenizer(unigram(_T5), extra_ids=0).save_pretrained(folder)

    text = {"act_kwargs": {}, "vocab_size": len(unigram(_T5)) + 8}  # a few rows more, as the released one has
    return write_model(directory, "siglip", text_cfg=text, text_files=text_files)


MULTILINGUAL: dict[str, Callable[[Path], Path]] = {
    "NLLB-SigLIP": write_nllb,
    "XLM-RoBERTa": write_xlm_roberta,
    "mSigLIP": write_msiglip,
}
