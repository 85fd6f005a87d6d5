"""A tokenizer.json written as tables that are mapped into memory, where it is of a kind that has them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from vasari.retrieval.models.export import bpe_table, unigram_table
from vasari.retrieval.models.exported.text import read_settings
from vasari.retrieval.models.tokenizers import TextPreprocessing


def write_table(directory: Path, settings: TextPreprocessing) -> str:
    """Write the table of the tokenizer.json in `directory`; its kind in text.json: "json" where it has none.

    A process of its own does so: the words and merges are 0.5 GB of Python's objects.
    """
    command = [sys.executable, "-m", __name__, str(directory.resolve()), json.dumps(asdict(settings))]
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603
    return done.stdout if done.returncode == 0 else "json"


def write(directory: Path, settings: TextPreprocessing) -> str:
    """`write_table` in this process."""
    if bpe_table.write(directory, settings):
        return "bpe"
    return "unigram" if unigram_table.write(directory, settings) else "json"


if __name__ == "__main__":
    sys.stdout.write(write(Path(sys.argv[1]), read_settings({"text": json.loads(sys.argv[2])})))
