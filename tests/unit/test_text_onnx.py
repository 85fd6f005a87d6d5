"""The torch-free text path against the whole model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from tests.models import KINDS, SENTENCES, Kind, write_model
from vasari.retrieval.errors import LibraryCorruptError, UnsupportedError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.export.text import export_text_tower
from vasari.retrieval.models.exported.text import OnnxTextEncoder
from vasari.retrieval.models.tokenizers import ClipTokenizer

TEXTS = (
    *SENTENCES,
    "",
    "cat",
    "I'LL say it's the dog's, they've",
    "“curly” ‘quotes’ — ﬁne",
    "ｆｕｌｌ　ｗｉｄｔｈ １２３",
    "🙂👍🏽👨‍👩‍👧 and ½ of ² Ⅷ",
    "a&amp;b &lt;i&gt; &#39;",
    "schÃ¶n naïve cafe\u0301",
    "العربية हिन्दी ไทย 𠮷野家",
    "under_score -- ...!!! don't",
    "<start_of_text> marks <end_of_text>",
    "tab\tand\nline\u200bbreak\u3000",
    "İstanbul Straße ẞ",
    "very " * 100,
)


@pytest.fixture(scope="module", params=KINDS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[OpenClipEncoder, Path]:
    """A model, and the folder of its exported text tower."""
    kind: Kind = request.param
    root = tmp_path_factory.mktemp(kind)
    encoder = OpenClipEncoder.load(
        str(write_model(root / "model", kind)), device="cpu", precision="float32", threads=1
    )
    assert export_text_tower(encoder.towers, root / "text")
    return encoder, root / "text"


def test_the_exported_tower_gives_the_vectors_of_the_model(exported: tuple[OpenClipEncoder, Path]) -> None:
    """Texts in many scripts, alone or in a batch, get torch's vectors."""
    encoder, directory = exported
    expected = encoder.embed_texts(TEXTS)
    for long_lived in (False, True):
        text_encoder = OnnxTextEncoder.open(directory, threads=1, long_lived=long_lived)
        assert (text_encoder.embed_texts(TEXTS) * expected).sum(axis=1).min() >= 0.9999
    alone = np.concatenate([text_encoder.embed_texts([text]) for text in TEXTS])
    assert (alone * expected).sum(axis=1).min() >= 0.9999
    assert text_encoder.embed_texts([]).shape == (0, encoder.dim)


def test_a_text_query_imports_neither_torch_nor_transformers(exported: tuple[OpenClipEncoder, Path]) -> None:
    """A fresh process embeds a text with numpy and ONNX Runtime alone."""
    program = (
        "import sys, pathlib\n"
        "from vasari.retrieval.models.exported.text import OnnxTextEncoder\n"
        f"OnnxTextEncoder.open(pathlib.Path({str(exported[1])!r})).embed_texts(['a red boat'])\n"
        "print([name for name in ('torch', 'open_clip', 'transformers', 'onnx', 'ftfy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_damaged_export_is_named(exported: tuple[OpenClipEncoder, Path], tmp_path: Path) -> None:
    """A folder without its settings says which folder to delete."""
    with pytest.raises(LibraryCorruptError, match="doctor --repair"):
        OnnxTextEncoder.open(tmp_path)


def test_a_tower_that_cannot_be_exported_leaves_the_reason(tmp_path: Path) -> None:
    """Layers of an experimental kind are left to torch, and the folder says so instead of failing later."""
    directory = write_model(tmp_path / "model", "clip", text_cfg={"scale_heads": True})
    encoder = OpenClipEncoder.load(str(directory), device="cpu", precision="float32")
    assert not export_text_tower(encoder.towers, tmp_path / "text")
    with pytest.raises(UnsupportedError, match="torch-free"):
        OnnxTextEncoder.open(tmp_path / "text")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimpleTokenizer, ClipTokenizer]:
    """open_clip's tokenizer and ours."""
    root = tmp_path_factory.mktemp("clip")
    encoder = OpenClipEncoder.load(
        str(write_model(root / "model", "clip")), device="cpu", precision="float32"
    )
    export_text_tower(encoder.towers, root / "text")
    return SimpleTokenizer(), ClipTokenizer.open(root / "text", encoder.towers.text)


# Characters newer than the tables of the two libraries may be letters for one and not for the other.
_ASSIGNED = st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_categories=("Cn", "Cs", "Co"))


@settings(deadline=None, max_examples=50)
@given(text=st.text(st.one_of(st.characters(codec="ascii"), _ASSIGNED), max_size=30))
def test_clip_tokens_equal_open_clips(tokenizers: tuple[SimpleTokenizer, ClipTokenizer], text: str) -> None:
    """Any text is cut into the same tokens as by open_clip."""
    theirs, ours = tokenizers
    assert ours([text]).tolist() == theirs([text]).tolist()
