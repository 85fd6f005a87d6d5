"""What transformers reads of a model's folder besides its weights, without torch: tokenizer, configuration, pictures.

transformers imports torch where it finds it, though none of this needs it: a process of its own, in which it finds
none, reads them in two seconds and 0.4 GB that are given back. A tokenizer.json that it would take as it is, as those
of the built-in models, is read without it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from vasari.retrieval.models.clip.picture_settings import picture_settings
from vasari.retrieval.models.clip.vocabulary import check_words, numbers

_MOST_SECONDS = 120
_AS_THEY_ARE = {"PreTrainedTokenizerFast", "TokenizersBackend"}  # classes that add nothing to tokenizer.json
_TOKENS = {"bos_token", "cls_token", "eos_token", "pad_token", "sep_token", "unk_token"}
_SETTINGS = _TOKENS | {"backend", "model_max_length", "tokenizer_class"}


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """What a tokenizer.json holds, the number of the token that fills rows up, and the longest row.

    `masked` says that a model of transformers is told which tokens fill up, if it wants to know.
    """

    content: str
    pad_id: int
    longest: int
    masked: bool


def read_tokenizer(folder: Path, rows: int) -> TokenizerFile | None:
    """The tokenizer in `folder` for a model of so many words; None for one that is not fit to be written down."""
    if (plain := _read_as_it_is(folder, rows)) is not None:
        return plain
    found = _read_apart("tokenizer", str(folder.resolve()), str(rows))
    return None if found is None else _tokenizer(*found)


def _read_as_it_is(folder: Path, rows: int) -> TokenizerFile | None:
    """A tokenizer of which transformers would be told no more than marks that it has; None for another one."""
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        if settings["tokenizer_class"] not in _AS_THEY_ARE or not settings.keys() <= _SETTINGS:
            return None
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        marks = {name: tokenizer.token_to_id(settings[name]) for name in settings.keys() & _TOKENS}
        if None in marks.values():
            return None
        check_words(tokenizer.get_vocab_size(), partial(_numbers, tokenizer), rows, folder)
        return TokenizerFile(
            tokenizer.to_str(), marks.get("pad_token") or 0, int(settings["model_max_length"]), True
        )
    except Exception:  # the errors of tokenizers have no base of their own; transformers has words for them
        return None


def _numbers(tokenizer: Tokenizer, pair: tuple[str, str]) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in pair]


def read_folder(folder: Path) -> tuple[TokenizerFile, Mapping[str, Any], Mapping[str, Any]] | None:
    """The tokenizer of a dual encoder, its whole configuration, and `ImagePreprocessing` as JSON keeps it; or None."""
    found = _read_apart("folder", str(folder.resolve()))
    return None if found is None else (_tokenizer(*found), found[0]["config"], found[0]["image"])


def _tokenizer(facts: Mapping[str, Any], content: str) -> TokenizerFile:
    return TokenizerFile(content, int(facts["pad_id"]), int(facts["longest"]), bool(facts["masked"]))


def _read_apart(*arguments: str) -> tuple[dict[str, Any], str] | None:
    """What `main` prints: facts, and the tokenizer. None where it fails: the model's own class has the words for it."""
    command = [sys.executable, "-m", __name__, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_MOST_SECONDS)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    facts, _, content = done.stdout.decode("utf-8").partition("\n")
    return json.loads(facts), content


def main(what: str, folder: str, rows: str = "") -> None:
    """Print the facts in one line, and the tokenizer behind them."""
    sys.modules["torch"] = None  # type: ignore[assignment]
    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer

    facts: dict[str, Any] = {}
    if what == "folder":
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        facts |= {"config": config.to_dict(), "image": asdict(picture_settings(processor, Path(folder)))}
        rows = facts["config"]["text_config"]["vocab_size"]
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if (tokenizer.padding_side, tokenizer.truncation_side) != ("right", "right"):
        raise SystemExit("it pads or cuts at the left")
    check_words(len(tokenizer), partial(numbers, tokenizer), int(rows), Path(folder))
    facts |= {"pad_id": int(tokenizer.pad_token_id or 0), "longest": int(tokenizer.model_max_length)}
    facts["masked"] = "attention_mask" in tokenizer.model_input_names
    sys.stdout.buffer.write(f"{json.dumps(facts)}\n".encode())
    sys.stdout.buffer.write(tokenizer.backend_tokenizer.to_str().encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
