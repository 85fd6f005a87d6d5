"""The recipes of the built-in models: what they start from, and what a step is made of."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vasari.training.loop import Loss
from vasari.training.recipes import encoder
from vasari.training.recipes.captioner import (
    Asking,
    Captioner,
    CaptionerEyes,
    CaptionerLesson,
    learn_tokenizer,
    plain,
    typed,
)
from vasari.training.recipes.encoder import Towers, configuration
from vasari.training.recipes.pooling import Pooling, PoolingLesson, embed, enter_last_layers
from vasari.training.recipes.reranker import RerankerLesson, SmallReranker
from vasari.training.recipes.tokenizer import learn, save
from vasari.training.recipes.typed_matching import TypedRerankerLesson
from vasari.training.recipes.typed_queries import Reader, TypedLesson
from vasari.training.recipes.typed_seeing import DEPTH, SeeingLesson, Seer, fit_heads, there
from vasari.training.recipes.weight_transfer import from_blip_vision, to_blip_vision
from vasari.training.scenes.captions import complements, describe
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Colour, Detail, Kind, Language, Split
from vasari.training.supervision import targets_of

LAYERS, PATCH, WIDTH = 6, 32, 160
SCENES = [sample_scene(seed, Split.TRAIN) for seed in range(12)]


@pytest.fixture(scope="module")
def towers() -> Towers:
    """A dual encoder of the built-in shape with random weights, patches twice as wide."""
    torch.manual_seed(0)
    return Towers(configuration(128, PATCH, WIDTH)).eval()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """Two pictures of noise, normalised."""
    return torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A tokenizer learnt from captions of a few scenes."""
    captions = [describe(s, language, Detail.HIGH, Random(0)) for s in SCENES for language in Language]
    return save(learn(captions, 600), tmp_path_factory.mktemp("tokens"), encoder.CONTEXT)


def test_the_matcher_sees_what_the_dual_encoder_sees(towers: Towers, pixels: torch.Tensor) -> None:
    """BLIP's vision tower with the transplanted weights gives open_clip's patch features."""
    reranker = SmallReranker(WIDTH, LAYERS, PATCH).eval()
    reranker.start_from(towers)
    with torch.inference_mode():
        expected = towers.clip.visual(pixels)[1]
    torch.testing.assert_close(reranker.see(pixels)[:, 1:], expected, atol=1e-4, rtol=1e-4)


def test_the_captioner_starts_with_the_eyes_patches(towers: Towers, pixels: torch.Tensor) -> None:
    """DaViT's patches keep the spread the layers were trained on; a norm of ones would shrink or stretch them."""
    visual = towers.clip.visual
    with torch.no_grad():
        visual.conv1.weight.mul_(5)
    eyes = CaptionerEyes(LAYERS, PATCH).eval()
    eyes.start_from(towers, pixels)
    with torch.inference_mode():
        expected = visual.conv1(pixels).flatten(2).transpose(1, 2) + visual.positional_embedding[1:]
        patches = eyes.tower.convs[0](pixels).flatten(2).transpose(1, 2)
    assert patches.std().item() == pytest.approx(expected.std().item(), rel=0.1)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), language=st.sampled_from(Language))
def test_complements_are_false_in_different_facts(seed: int, language: Language) -> None:
    """Neither of the two is the true caption nor the other, and equal generators give equal ones."""
    scene = sample_scene(seed, Split.TRAIN)
    told = complements(scene, language, Random(seed))
    assert len({told.caption, told.one, told.other}) >= 2
    assert told.one != told.other
    assert told == complements(scene, language, Random(seed))


def _lesson(tokenizer: object, seed: int = 0) -> RerankerLesson:
    torch.manual_seed(seed)
    reranker = SmallReranker(WIDTH, LAYERS, PATCH)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((len(SCENES), 17, WIDTH)).astype(np.float16)
    near = np.array([[(n + 1) % len(SCENES)] for n in range(len(SCENES))])
    return RerankerLesson(reranker, SCENES, features, near, tokenizer, batch=4, steps=10)


@pytest.mark.parametrize("step", [0, 9])
def test_a_matcher_step_is_decided_by_its_number(tokenizer: object, step: int) -> None:
    """Two lessons make the same batch of a step, so that a killed run goes on as if it had not been."""
    one, other = (_lesson(tokenizer, seed).batch_at(step) for seed in (0, 1))
    torch.testing.assert_close(one["features"], other["features"])
    for part, same in zip(one["texts"], other["texts"], strict=True):
        assert part.keys() == same.keys()
        assert all(torch.equal(part[name], same[name]) for name in part)


def test_the_matcher_learns_which_words_are_wrong(tokenizer: object) -> None:
    """Repeating one step lowers its loss."""
    torch.set_num_threads(1)
    lesson = _lesson(tokenizer)
    assert falls(lesson.loss, lesson.batch_at(0), lesson.reranker)


def test_the_matchers_second_lesson_reads_queries(tokenizer: object, tmp_path: Path) -> None:
    """It begins with the weights that the first lesson saved; true and false queries stand beside captions."""
    first = _lesson(tokenizer)
    first.reranker.save(tmp_path, tokenizer)
    again = SmallReranker(WIDTH, LAYERS, PATCH)
    again.load(tmp_path)
    lesson = TypedRerankerLesson(again, SCENES, first.features, tokenizer, batch=4)
    batch = lesson.batch_at(0)
    part, features = batch["texts"][0], batch["features"]
    assert set(part["matches"].tolist()) == {0, 1}
    with torch.inference_mode():
        before, after = (m.logits(part["ids"], features[part["pictures"]]) for m in (first.reranker, again))
    torch.testing.assert_close(after, before, atol=0.02, rtol=0.02)
    assert torch.isfinite(lesson.loss(batch)[0])


@pytest.mark.parametrize("asking", [plain, typed])
def test_a_captioner_step_asks_and_tells(asking: Asking) -> None:
    """A step has questions about every picture, and longer texts about half of them."""
    words = learn_tokenizer(SCENES)
    captioner = Captioner(words, LAYERS, PATCH)
    patches = np.zeros((len(SCENES), 16, WIDTH), np.float16)
    lesson = CaptionerLesson(captioner, SCENES, patches, words, batch=4, asking=asking)
    batch = lesson.batch_at(0)
    assert sorted(set(batch["questions"][0].tolist())) == [0, 1, 2, 3]
    assert batch["texts"][0].tolist() == [0, 0, 2, 2]
    loss, figures = lesson.loss(batch)
    assert torch.isfinite(loss)
    assert 0 <= figures["right"] <= 1


def test_the_pooling_is_the_towers_last_layer(towers: Towers, pixels: torch.Tensor) -> None:
    """Computed for the class token alone, behind layers that are computed once, the embedding is open_clip's."""
    visual = towers.clip.visual
    pooling = Pooling(visual).eval()
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(visual(pixels)[0], dim=-1)
        torch.testing.assert_close(pooling(enter_last_layers(visual, pixels)), expected, atol=1e-4, rtol=1e-4)


def test_the_eyes_come_back_from_the_reranker(towers: Towers) -> None:
    """Weights that went to BLIP's tower and back are the same, all but the projection."""
    visual = towers.clip.visual.state_dict()
    back = from_blip_vision(to_blip_vision(visual, LAYERS), LAYERS)
    assert set(visual) - set(back) == {"proj"}
    for name, value in back.items():
        torch.testing.assert_close(value, visual[name])


def test_the_pooling_learns_what_is_there() -> None:
    """Repeating one step lowers its loss, and the pictures of each chunk are found."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pooling = Pooling(Towers(configuration(128, PATCH, WIDTH)).clip.visual)
    features = [np.random.default_rng(0).standard_normal((len(SCENES), 5, WIDTH)).astype(np.float16)]
    lesson = PoolingLesson(pooling, SCENES, features, batch=6)
    assert falls(lesson.loss, lesson.batch_at(0), pooling)
    assert embed(pooling, features).norm(dim=1).tolist() == pytest.approx([1] * len(SCENES), abs=1e-5)


def test_a_typed_step_knows_all_right_pictures(towers: Towers, tokenizer: object) -> None:
    """Each query has one or more, foreign ones have none; a step is decided by its number, and lowers its loss."""
    images = torch.nn.functional.normalize(torch.randn(len(SCENES), encoder.EMBED_DIM), dim=1)
    reader = Reader(deepcopy(towers), deepcopy(towers.heads))
    lesson, same = (TypedLesson(reader, SCENES, images, tokenizer) for _ in range(2))
    batch = lesson.batch_at(3)
    assert torch.equal(batch["right"], same.batch_at(3)["right"])
    right = batch["right"].any(1)
    assert right[:100].all()
    assert not right[-10:].any()
    assert not (batch["open"] & batch["right"]).any()
    assert falls(lesson.loss, batch, reader)


def test_the_last_layers_see_as_the_tower_does(towers: Towers, pixels: torch.Tensor) -> None:
    """Behind layers that are computed once, the embedding is open_clip's."""
    visual = towers.clip.visual
    entering = enter_last_layers(visual, pixels, DEPTH)
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(visual(pixels)[0], dim=-1)
        torch.testing.assert_close(Seer(deepcopy(towers)).see(entering), expected, atol=1e-4, rtol=1e-4)


def test_both_towers_learn_numbers_and_colours(towers: Towers, tokenizer: object) -> None:
    """A step moves the last layers and the text tower, lowers its loss, and leaves the first layers as they are."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seer = Seer(deepcopy(towers))
    features = [np.random.default_rng(0).standard_normal((len(SCENES), 5, WIDTH)).astype(np.float16)]
    lesson = SeeingLesson(seer, SCENES, features, tokenizer)
    images = torch.inference_mode()(seer.see_all)(features).clone()
    before = torch.nn.functional.binary_cross_entropy_with_logits(seer.there(images * 16), lesson.there)
    fit_heads(seer, lesson, images, steps=20)
    after = torch.nn.functional.binary_cross_entropy_with_logits(seer.there(images * 16), lesson.there)
    assert after < before
    assert falls(lesson.loss, lesson.batch_at(0), seer)
    now, old = seer.towers.clip.state_dict(), towers.clip.state_dict()
    moved = {name for name, value in now.items() if not torch.equal(value, old[name])}
    assert {
        "visual.proj",
        "visual.transformer.resblocks.4.mlp.c_fc.weight",
        "token_embedding.weight",
    } <= moved
    assert not any(name.startswith(f"visual.transformer.resblocks.{n}.") for n in range(4) for name in moved)


def test_what_is_there_is_each_groups_kind_colour_and_count() -> None:
    """A column for each kind, kind with colour, kind with count, and colour: set where some group has it."""
    kinds, colours = list(Kind), list(Colour)
    for scene, row in zip(SCENES, there(targets_of(SCENES)), strict=True):
        expected = set()
        for group in scene.groups:
            kind, colour = kinds.index(group.kind), colours.index(group.colour)
            expected |= {kind, 45 + kind * 10 + colour, 495 + kind * 4 + group.count - 1, 675 + colour}
        assert set(row.nonzero()[:, 0].tolist()) == expected


def falls(loss_of: Loss, batch: object, model: torch.nn.Module) -> bool:
    """Whether repeating one step lowers its loss."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3)
    losses = []
    for _ in range(3):
        loss, _ = loss_of(batch)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return losses[-1] < losses[0]
