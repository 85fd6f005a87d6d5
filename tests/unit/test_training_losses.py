"""The losses equal what a reader of the papers would write down, and the targets what the scene says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vasari.training.captioning import Example, encode_examples, located
from vasari.training.losses import info_nce, siglip
from vasari.training.matching import differing_tokens, matching_loss, nearest_texts, token_matching_loss
from vasari.training.recipes.augment import random_windows, whole_pictures
from vasari.training.scenes.layout import layout
from vasari.training.scenes.sampling import sample_scene
from vasari.training.scenes.scene import Column, Kind, Layer, Split
from vasari.training.supervision import SceneHeads, patch_targets, targets_of


def unit(count: int, seed: int) -> torch.Tensor:
    vectors = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    return nn.functional.normalize(vectors, dim=1)


def test_info_nce_is_the_mean_of_both_directions() -> None:
    """Against sums and logarithms written out."""
    image, text, scale = unit(5, 0), unit(5, 1), 7.0
    similarity = [[scale * float(i @ t) for t in text] for i in image]
    rows = sum(math.log(sum(map(math.exp, row))) - row[n] for n, row in enumerate(similarity)) / 5
    columns = (
        sum(math.log(sum(math.exp(row[n]) for row in similarity)) - similarity[n][n] for n in range(5)) / 5
    )
    assert info_nce(image, text, torch.tensor(scale)).item() == pytest.approx((rows + columns) / 2, rel=1e-4)


def test_siglip_asks_of_each_pair_whether_it_belongs_together() -> None:
    """Against sums and logarithms written out."""
    image, text, scale, bias = unit(4, 2), unit(4, 3), 5.0, -2.0
    expected = 0.0
    for i in range(4):
        for j in range(4):
            sign = 1 if i == j else -1
            expected += math.log(1 + math.exp(-sign * (scale * float(image[i] @ text[j]) + bias)))
    got = siglip(image, text, torch.tensor(scale), torch.tensor(bias))
    assert got.item() == pytest.approx(expected / 4, rel=1e-4)


def test_matching_loss_counts_what_is_right() -> None:
    """Three of four are on the right side of the head."""
    logits = torch.tensor([[2.0, -1.0], [-1.0, 2.0], [0.0, 1.0], [0.0, 3.0]])
    loss, accuracy = matching_loss(logits, torch.tensor([0, 1, 0, 1]))
    expected = sum(math.log(1 + math.exp(x)) for x in (-3.0, -3.0, 1.0, -3.0)) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert accuracy == 0.75


def test_tokens_of_a_caption_and_its_false_twin_are_labelled_where_they_differ() -> None:
    """1 for the true caption's own tokens, 0 for the twin's, nothing for what they share."""
    true, false = differing_tokens([2, 10, 11, 12, 3], [2, 10, 99, 98, 12, 3])
    assert true == [-100, -100, 1, -100, -100]
    assert false == [-100, -100, 0, 0, -100, -100]


def test_token_loss_without_known_tokens_is_zero() -> None:
    """A batch may hold no twins; training goes on."""
    loss, _ = token_matching_loss(torch.randn(2, 3, 2), torch.full((2, 3), -100))
    assert loss.item() == 0


def test_mined_texts_are_the_most_alike_and_never_the_own() -> None:
    """Against a full sort."""
    images, texts = unit(20, 4), unit(20, 5)
    mined = nearest_texts(images, texts, 3, block=7)
    for row, found in enumerate(mined):
        order = [int(n) for n in (images[row] @ texts.T).argsort(descending=True) if n != row]
        assert list(found) == order[:3]


def test_targets_say_what_stands_in_each_place() -> None:
    """Kind 0 marks the places where nothing stands; the others hold the group's kind."""
    scene = sample_scene(3, Split.TRAIN)
    targets = targets_of([scene])
    kinds = targets.places[0, :, 0].tolist()
    for group in scene.groups:
        place = list(Layer).index(group.layer) * 3 + list(Column).index(group.column)
        assert kinds[place] == list(Kind).index(group.kind) + 1
    assert sum(kind > 0 for kind in kinds) == len(scene.groups)


def test_a_patch_is_labelled_with_the_object_that_covers_it() -> None:
    """The patch in the middle of an object belongs to it; the picture's corner to nothing."""
    scene = sample_scene(3, Split.TRAIN)
    targets = targets_of([scene])
    labels = patch_targets(targets, torch.tensor([[0.0, 0.0, 1.0]]), 32)[0].view(32, 32, 5)
    for instance in layout(scene):
        left, top, right, bottom = instance.box
        label = labels[int((top + bottom) * 16), int((left + right) * 16)]
        assert label[0] == list(Kind).index(instance.kind) + 1
    assert labels[0, 0, 0] == 0


def test_a_window_moves_the_labels_with_the_picture() -> None:
    """What a window shows of a picture stands where the window puts it."""
    targets = targets_of([sample_scene(3, Split.TRAIN)])
    whole = patch_targets(targets, torch.tensor([[0.0, 0.0, 1.0]]), 16)[0].view(16, 16, 5)
    right_half = patch_targets(targets, torch.tensor([[0.5, 0.0, 1.0]]), 16)[0].view(16, 16, 5)
    assert torch.equal(right_half[:, :8, :4], whole[:, 8:, :4])


def test_scene_heads_learn_a_scene_by_heart() -> None:
    """Gradients of both heads reach their inputs, and the loss falls to nearly nothing."""
    targets = targets_of([sample_scene(seed, Split.TRAIN) for seed in range(3)])
    torch.manual_seed(0)
    heads = SceneHeads(16, 8)
    embeddings = nn.Parameter(torch.randn(3, 16))
    optimiser = torch.optim.Adam([*heads.parameters(), embeddings], lr=0.1)
    losses = []
    for _ in range(60):
        loss, _ = heads.scene_loss(nn.functional.normalize(embeddings, dim=1), targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_windows_are_of_the_asked_size_and_never_mirrored() -> None:
    """A picture that is dark on its left stays so."""
    pictures = np.zeros((8, 32, 32, 3), np.uint8)
    pictures[:, :, 16:] = 255
    pixels, windows = random_windows(pictures, 24, np.random.default_rng(0))
    assert pixels.shape == (8, 3, 24, 24)
    assert windows.shape == (8, 3)
    assert (pixels[..., :6].mean((1, 2, 3)) < pixels[..., -6:].mean((1, 2, 3))).all()
    assert whole_pictures(pictures, 24).shape == (8, 3, 24, 24)


class Words:
    """A tokenizer of single characters."""

    bos_token_id, eos_token_id, pad_token_id = 0, 2, 1

    def __call__(self, texts: list[str], add_special_tokens: bool) -> dict[str, list[list[int]]]:
        assert not add_special_tokens
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}


def test_prompts_start_and_end_and_answers_end() -> None:
    """Padding of answers is what the loss ignores."""
    examples = [Example(0, "ab", "x"), Example(1, "a", "xyz")]
    pictures, prompts, labels = encode_examples(examples, Words())
    assert pictures.tolist() == [0, 1]
    assert prompts.tolist() == [[0, 97, 98, 2], [0, 97, 2, 1]]
    assert labels.tolist() == [[120, 2, -100, -100], [120, 121, 122, 2]]


def test_boxes_are_written_as_location_tokens() -> None:
    """Left, top, right, bottom in thousandths, rounded to fifty levels, and never past the last token."""
    assert located("dog", [(0.0, 0.5, 0.251, 1.0)]) == "dog<loc_0><loc_500><loc_260><loc_999>"
