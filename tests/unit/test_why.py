"""Why a picture matched, where no reranker is at hand: the patches that are like the words."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.models import write_model
from vasari.retrieval.domain import UnitVectors, unit_vectors
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.understanding import patch_map, templates_of
from vasari.retrieval.settings import Settings
from vasari.training.scenes.layout import layout
from vasari.training.scenes.painter import paint
from vasari.training.scenes.sampling import sample_scene, scene_seed
from vasari.training.scenes.scene import Split


def axis(place: int) -> UnitVectors:
    return unit_vectors(np.eye(4, dtype=np.float32)[place : place + 1])


def test_the_patch_that_is_like_the_words_glows() -> None:
    """What all patches have in common with texts that say nothing does not count."""
    patches = np.tile(axis(3)[0], (2, 3, 1)).astype(np.float32)
    patches[1, 2] = axis(0)[0]
    heat = patch_map(patches, axis(0), axis(3))
    assert heat.shape == (2, 3)
    assert heat.argmax() == 5
    assert heat.sum() == pytest.approx(1)


def test_patches_that_are_all_alike_glow_alike() -> None:
    """A map never divides by nothing."""
    heat = patch_map(np.tile(axis(1)[0], (2, 2, 1)).astype(np.float32), axis(0), axis(3))
    assert heat == pytest.approx(np.full((2, 2), 0.25))


def test_a_library_without_a_reranker_still_says_why(tmp_path: Path) -> None:
    """The map has a value for each patch of the dual encoder's picture tower, and the PNG the picture's size."""
    model = write_model(tmp_path / "model", "clip")
    Image.effect_noise((40, 60), 90).convert("RGB").save(tmp_path / "a.png")
    settings = Settings(offline=True, threads=1)
    with Library.open(tmp_path / "library", settings, create=True) as library:
        space = library.use_model(str(model))
        [item] = library.add(tmp_path / "a.png")
        encoder = library.models.whole(space)
        prepared = encoder.prepare(library.open_picture(tmp_path / "a.png"))[None]
        patches = encoder.embed_patches(prepared)
        heat = library.why(item, "a red boat")
        assert library.why(tmp_path / "a.png", "a red boat") == pytest.approx(heat)
        with Image.open(io.BytesIO(library.why_png(item, "a red boat"))) as drawn:
            assert drawn.size == (40, 60)
    assert patches.shape == (1, *heat.shape, encoder.dim)
    assert np.linalg.norm(patches, axis=-1) == pytest.approx(np.ones((1, *heat.shape)), abs=1e-4)
    assert heat.min() >= 0
    assert heat.sum() == pytest.approx(1)


def test_the_reranker_s_map_points_at_what_the_words_name(tmp_path: Path) -> None:
    """The built-in reranker's hottest patch lies on the one object asked for, in most pictures."""
    hits = []
    with Library.open(tmp_path / "library", Settings(offline=True, threads=1), create=True) as library:
        library.use_model("scenes")
        for seed in range(4):
            scene = sample_scene(scene_seed(11, seed, Split.HELDOUT), Split.HELDOUT)
            path = tmp_path / f"{seed}.png"
            paint(scene).save(path)
            groups = Counter(place.group for place in layout(scene))
            for place in layout(scene):
                if groups[place.group] > 1:
                    continue
                heat = library.why(path, f"a {place.colour.value} {place.kind.value}")
                row, column = np.unravel_index(heat.argmax(), heat.shape)
                x, y = (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0]
                left, top, right, bottom = place.box
                hits.append(left <= x <= right and top <= y <= bottom)
                assert heat.sum() == pytest.approx(1)
                assert heat.min() >= 0
    assert np.mean(hits) > 0.7


def test_labels_of_drawings_stand_alone() -> None:
    """The built-in model knows no photos, so it is not asked for any."""
    assert templates_of("scenes") == ("{}",)
    assert all(
        "photo" in template or template == "{}." or "itap" in template for template in templates_of("fast")
    )
