"""The dual encoder against open_clip's own path, on tiny models in the hub's local format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.models import KINDS, SENTENCES, Kind, write_model
from vasari.retrieval.errors import ModelUnavailableError
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.hardware import out_of_memory
from vasari.retrieval.models.ports import DualEncoder, OutOfMemory

TEXTS = (*SENTENCES, "cat", "", "a &amp; b", "smile 🙂 " + "very " * 90 + "long")
SIZES = ((48, 48), (64, 96), (300, 201), (97, 640), (20, 31), (1000, 333))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """One model of each kind."""
    root = tmp_path_factory.mktemp("models")
    return {kind: write_model(root / kind, kind) for kind in KINDS}


def pictures() -> list[Image.Image]:
    """Noise over gradients in several shapes: every resizing mistake shows."""
    random = np.random.default_rng(7)
    made = []
    for width, height in SIZES:
        ramp = np.linspace(0, 200, width)[None, :, None] * np.array([1.0, 0.5, 0.2])
        noise = random.integers(0, 56, (height, width, 3))
        made.append(Image.fromarray((ramp + noise).astype(np.uint8)))
    return made


def reference(directory: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Image and text vectors as open_clip itself computes them."""
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{directory}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{directory}")
    model.eval()
    with torch.inference_mode():
        images = model.encode_image(
            torch.stack([transform(picture) for picture in pictures()]), normalize=True
        )
        texts = model.encode_text(tokenizer(list(TEXTS)), normalize=True)
    return images.numpy(), texts.numpy()


def embed(encoder: DualEncoder) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    batch = np.stack([encoder.prepare(picture) for picture in pictures()])
    return encoder.embed_images(batch), encoder.embed_texts(TEXTS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("precision", "cosine"), [("float32", 0.9999), ("bfloat16", 0.999)])
def test_vectors_equal_those_of_open_clip(
    models: dict[Kind, Path], kind: Kind, precision: str, cosine: float
) -> None:
    """Pictures of many shapes and texts in many scripts get the vectors that open_clip's own path gives."""
    encoder = OpenClipEncoder.load(str(models[kind]), device="cpu", precision=precision)  # type: ignore[arg-type]
    for ours, theirs in zip(embed(encoder), reference(models[kind]), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
        assert (ours * theirs).sum(axis=1).min() >= cosine
        assert np.abs(theirs @ theirs.T - np.eye(len(theirs))).max() > 0.01  # the vectors do differ


def test_preparing_gives_the_pixels_of_open_clips_resize(models: dict[Kind, Path]) -> None:
    """Cropping before resizing moves no pixel by more than two grey levels (Pillow may swap its two passes)."""
    for kind in KINDS:
        encoder = OpenClipEncoder.load(str(models[kind]), device="cpu", precision="float32")
        _, transform = open_clip.create_model_from_pretrained(f"local-dir:{models[kind]}")
        resize = transform.transforms[:-2]  # without ToTensor and Normalize
        for picture in pictures():
            expected = picture
            for step in resize:
                expected = step(expected)
            prepared = encoder.prepare(picture)
            assert prepared.dtype == np.uint8
            assert np.abs(prepared.astype(int) - np.asarray(expected).astype(int)).max() <= 2


def test_a_text_has_the_same_vector_alone_and_in_a_batch(models: dict[Kind, Path]) -> None:
    """Batches are sorted by length and cropped, which neither mixes up nor changes the vectors."""
    for kind in KINDS:
        encoder = OpenClipEncoder.load(str(models[kind]), device="cpu", precision="float32")
        many = [f"{text} {number}" for number in range(7) for text in TEXTS]  # more than one batch
        together = encoder.embed_texts(many)
        alone = np.concatenate([encoder.embed_texts([text]) for text in many[::11]])
        np.testing.assert_allclose(together[::11], alone, atol=1e-5)


def test_nothing_in_gives_nothing_out(models: dict[Kind, Path]) -> None:
    """Empty batches have the space's width."""
    encoder = OpenClipEncoder.load(str(models["clip"]), device="cpu", precision="float32")
    assert encoder.embed_texts([]).shape == (0, encoder.dim) == (0, encoder.space.dim)
    size = encoder.image_size
    assert encoder.embed_images(np.empty((0, size, size, 3), dtype=np.uint8)).shape == (0, encoder.dim)


def test_the_space_follows_weights_and_preprocessing(models: dict[Kind, Path], tmp_path: Path) -> None:
    """Other weights or another preprocessing make another space; the same files in another folder do not."""
    spaces = {}
    for name, seed, mode in (("same", 0, None), ("weights", 1, None), ("preprocessing", 0, "squash")):
        directory = write_model(tmp_path / name / "clip", "clip", seed, resize_mode=mode)
        spaces[name] = OpenClipEncoder.load(str(directory), device="cpu", precision="float32").space
    original = OpenClipEncoder.load(str(models["clip"]), device="cpu", precision="float32").space
    assert spaces["same"].name == original.name
    assert len({original.name, spaces["weights"].name, spaces["preprocessing"].name}) == 3
    assert spaces["preprocessing"].weights_fingerprint == original.weights_fingerprint


def test_a_checkpoint_of_a_named_architecture_loads(tmp_path: Path) -> None:
    """`ARCHITECTURE:FILE` is the architecture of open_clip with the weights of the file."""
    torch.manual_seed(3)
    model = open_clip.create_model("ViT-S-32-alt").eval()
    weights = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": weights}, tmp_path / "a.pt")
    encoder = OpenClipEncoder.load(f"ViT-S-32-alt:{tmp_path / 'a.pt'}", device="cpu", precision="float32")
    with torch.inference_mode():
        expected = model.encode_text(
            open_clip.get_tokenizer("ViT-S-32-alt")(["a boat"]), normalize=True
        ).numpy()
    np.testing.assert_allclose(encoder.embed_texts(["a boat"]), expected, atol=1e-5)


def test_weights_that_do_not_fit_are_named(models: dict[Kind, Path], tmp_path: Path) -> None:
    """A checkpoint of another architecture is refused in one line."""
    weights = models["clip"] / "open_clip_model.safetensors"
    with pytest.raises(ModelUnavailableError, match="does not fit") as caught:
        OpenClipEncoder.load(f"ViT-S-32-alt:{weights}", device="cpu")
    assert "\n" not in str(caught.value)


def test_a_batch_that_is_too_large_is_an_out_of_memory_signal() -> None:
    """torch's several ways of saying that memory is short become one error; other errors stay what they are."""
    for message in (
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 10 bytes",
        "CUDA out of memory",
    ):
        with pytest.raises(OutOfMemory), out_of_memory():
            raise RuntimeError(message)
    with pytest.raises(RuntimeError, match="shape"), out_of_memory():
        raise RuntimeError("shape mismatch")
    with pytest.raises(OutOfMemory), out_of_memory():
        torch.empty(1 << 60)
