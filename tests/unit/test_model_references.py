"""Model references: what they mean, and what is said when a model cannot be had."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import write_model
from vasari.retrieval.errors import ModelUnavailableError, NotFoundError, UnsupportedError, UsageError
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.registry import hub
from vasari.retrieval.models.registry.files import locate, locate_folder
from vasari.retrieval.models.registry.fingerprints import weights_fingerprint
from vasari.retrieval.models.registry.presets import PRESETS, describe_presets, find_preset
from vasari.retrieval.models.registry.resolve import ReferenceKind, resolve


def test_references_are_told_apart(tmp_path: Path) -> None:
    """Each notation leads to its kind of source."""
    (tmp_path / "open_clip_config.json").write_text("{}")
    (tmp_path / "best.pt").write_bytes(b"")
    assert resolve("fast").tag == "datacomp_s34b_b86k"
    assert resolve("ViT-B-32/openai").kind is ReferenceKind.TAG
    assert resolve("hf-hub:timm/ViT-B-16-SigLIP").repository == "timm/ViT-B-16-SigLIP"
    for page in (
        "https://huggingface.co/timm/ViT-B-16-SigLIP",
        "https://hf.co/timm/ViT-B-16-SigLIP/tree/main",
    ):
        assert resolve(page) == resolve("timm/ViT-B-16-SigLIP")
    assert resolve(str(tmp_path)).kind is ReferenceKind.DIRECTORY
    assert resolve(f"ViT-B-32:{tmp_path / 'best.pt'}").kind is ReferenceKind.CHECKPOINT


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("fats", "did you mean 'fast'"),
        ("ViT-B-33/openai", "did you mean 'ViT-B-32'"),
        ("ViT-B-32", "ViT-B-32/TAG"),
        ("ViT-B-32:/nowhere.pt", "/nowhere.pt"),
        ("local-dir:/nowhere", "open_clip_config.json"),
        ("", "models list"),
        ("blip-itm-base-coco", "reranker"),
    ],
)
def test_a_wrong_reference_says_what_could_be_meant(reference: str, words: str, tmp_path: Path) -> None:
    """One line, with the next step."""
    with pytest.raises((NotFoundError, UsageError), match=words) as caught:
        resolve(reference.replace("/nowhere", str(tmp_path / "nowhere")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("named", [None, 5, "CLIPModel", {"a": 1}, [5]])
def test_a_configuration_that_names_no_class_is_refused(tmp_path: Path, named: object) -> None:
    """Whatever stands where the classes should."""
    (tmp_path / "config.json").write_text(json.dumps({"architectures": named}))
    with pytest.raises(UnsupportedError, match="is a model of transformers"):
        resolve(str(tmp_path))


def test_rerankers_and_captioners_are_found_by_the_same_notations(tmp_path: Path) -> None:
    """A preset, a hub repository or a folder; the two of open_clip's own architectures are for dual encoders."""
    (tmp_path / "config.json").write_text("{}")
    for use, preset in ((ModelKind.RERANKER, "blip-itm-base-coco"), (ModelKind.CAPTIONER, "florence-2-base")):
        assert resolve(preset, use).repository == PRESETS[preset].hub
        assert resolve("hf-hub:owner/name", use).repository == "owner/name"
        assert locate_folder(resolve(str(tmp_path), use), hub.HubAccess(offline=True)) == tmp_path
        with pytest.raises(NotFoundError, match="neither a preset, hf-hub:OWNER/NAME nor a model folder"):
            resolve("ViT-B-32/openai", use)
    with pytest.raises(NotFoundError, match=r"config\.json"):
        resolve(f"local-dir:{tmp_path / 'nowhere'}", ModelKind.RERANKER)
    with pytest.raises(UsageError, match="is a captioner, not a reranker: there are scenes-itm"):
        resolve("florence-2-base", ModelKind.RERANKER)


def test_a_missing_reranker_is_not_replaced_by_one_that_knows_drawings_only() -> None:
    """What is named to work without a network is of the kind that was asked for, and knows photos."""
    with pytest.raises(
        ModelUnavailableError, match=r"Without a network: a model folder \(VASARI_RE"
    ) as caught:
        locate_folder(resolve("hf-hub:nobody/nothing", ModelKind.RERANKER), hub.HubAccess(offline=True))
    assert "--model DIR" not in str(caught.value)


def test_offline_and_missing_names_the_alternatives() -> None:
    """Without a network and without weights, one line says what works instead."""
    with pytest.raises(ModelUnavailableError) as caught:
        locate(resolve("hf-hub:nobody/nothing-of-this-name"), hub.HubAccess(offline=True))
    message = str(caught.value)
    assert "offline" in message
    assert "vasari models list" in message
    assert "--model DIR" in message
    assert "\n" not in message


def test_a_silent_hub_is_given_up_in_time() -> None:
    """A hub that accepts the connection and never answers is given up, instead of being asked again and again."""
    program = (
        "from vasari.retrieval.models.registry import hub\n"
        "from vasari.retrieval.models.registry.files import locate\n"
        "from vasari.retrieval.models.registry.resolve import resolve\n"
        "locate(resolve('hf-hub:nobody/nothing-of-this-name'), hub.HubAccess(timeout=1.0))"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=dict(
                os.environ, HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}", HF_HUB_OFFLINE="0"
            ),
            capture_output=True,
            text=True,
            check=False,
        )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert "ModelUnavailableError" in last
    assert "can't be reached" in last


def test_a_licence_that_is_not_open_source_is_asked_about_first() -> None:
    """The small preset is not downloaded before its licence was accepted."""
    assert PRESETS["small"].ask_before_download
    with pytest.raises(ModelUnavailableError, match="--accept-licence"):
        locate(resolve("small"), hub.HubAccess(offline=True))


@pytest.mark.parametrize("place", ["tokenizer_kwargs", "tokenizer_config.json", "config.json"])
def test_models_that_bring_code_are_refused(tmp_path: Path, place: str) -> None:
    """Wherever a model asks for its own code to be run, the answer is no."""
    directory = write_model(tmp_path, "multilingual")
    file = directory / ("open_clip_config.json" if place == "tokenizer_kwargs" else place)
    content = json.loads(file.read_text())
    if place == "tokenizer_kwargs":
        content["model_cfg"]["text_cfg"][place] = {"trust_remote_code": True}
    else:
        content["auto_map"] = {"AutoTokenizer": "code.Tokenizer"}
    file.write_text(json.dumps(content))
    with pytest.raises(UnsupportedError, match="never runs"):
        locate(resolve(str(directory)), hub.HubAccess(offline=True))


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    """A configuration alone is no model."""
    directory = write_model(tmp_path, "clip")
    (directory / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match="no weights"):
        locate(resolve(str(directory)), hub.HubAccess(offline=True))


def test_fingerprints_are_remembered_and_follow_the_file(tmp_path: Path) -> None:
    """The hash of unchanged weights is looked up; changed weights are hashed again."""
    weights, remembered = tmp_path / "weights", tmp_path / "cache" / "fingerprints.json"
    weights.write_bytes(b"one")
    first = weights_fingerprint(weights, remembered)
    key = next(iter(json.loads(remembered.read_text())))
    remembered.write_text(json.dumps({key: "looked up"}))
    assert weights_fingerprint(weights, remembered) == "looked up"
    weights.write_bytes(b"another")
    assert weights_fingerprint(weights, remembered) not in {first, "looked up"}


def test_presets_have_the_facts_one_chooses_by() -> None:
    """Each downloadable dual encoder names a repository, a licence, its languages and its size."""
    for preset in PRESETS.values():
        assert preset.licence
        assert preset.use
        assert preset.builtin or (preset.hub and preset.parameters > 1e6)
        assert preset.languages
        assert preset.licence_url or not preset.ask_before_download
        if preset.kind is ModelKind.DUAL_ENCODER and not preset.builtin:
            assert preset.dim
            assert resolve(preset.name).repository == preset.hub
    assert [status.preset for status in describe_presets()] == list(PRESETS.values())
    with pytest.raises(NotFoundError, match="'balanced'"):
        find_preset("balansed")


def test_listing_presets_imports_no_torch() -> None:
    """`vasari models list` stays quick."""
    program = (
        "import sys\nfrom vasari.retrieval.models.registry.presets import describe_presets\ndescribe_presets()\n"
        "from vasari.retrieval.models.clip.encoder import OpenClipEncoder\n"
        "print([name for name in ('torch', 'open_clip', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
