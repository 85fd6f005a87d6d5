"""Write a tokenizer of any size in the hub's layout: for benchmarks, where only its size matters.

The vocabulary is made up: syllables joined by byte-pair merges as Gemma's are (SigLIP 2), as many as the model has rows
for.
"""

from __future__ import annotations

import random
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

_SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>")
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_LONGEST = 12  # letters


def write_tokenizer(directory: Path, size: int, seed: int = 0) -> None:
    """Write `tokenizer.json` and its settings, with exactly `size` tokens."""
    choose = random.Random(seed)
    letters = [
        chr(code)
        for first, last in ((97, 123), (0x430, 0x450), (0x3041, 0x3097))
        for code in range(first, last)
    ]
    tokens = ["▁", *letters]
    known, merges = set(tokens), []
    while len(tokens) + len(_SPECIAL) + len(_BYTES) < size:
        left, right = choose.choice(tokens), choose.choice(tokens)
        if len(left + right) <= _LONGEST and left + right not in known and "▁" not in right:
            known.add(left + right)
            tokens.append(left + right)
            merges.append((left, right))
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *_BYTES, *tokens))}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        padding_side="right",
    ).save_pretrained(directory)
