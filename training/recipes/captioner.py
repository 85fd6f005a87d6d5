"""The recipe of the built-in captioner `scenes-florence`: a small Florence-2 on a frozen vision tower.

Its DaViT has one stage of the dual encoder's shape, so that it begins with weights that know the drawn objects (see
`weight_transfer`), gets used to its new blocks (`CaptionerEyes`), and then stays as it is: what it sees of a picture is
computed once. The language model is a small BART over English tokens and location tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn

from vasari.training.captioning import (
    BINS,
    CAPTION,
    DETAILED,
    DETECT,
    GROUND,
    Example,
    answer_loss,
    encode_examples,
    located,
)
from vasari.training.recipes.augment import MEAN, STD, random_windows, whole_pictures
from vasari.training.recipes.encoder import EMBED_DIM, Towers, batch_indices
from vasari.training.recipes.pictures import SIZE, Drawn
from vasari.training.recipes.weight_transfer import start_davit
from vasari.training.recipes.word_init import make_identity, name_alike, visual_words
from vasari.training.scenes.captions import describe
from vasari.training.scenes.layout import boxes
from vasari.training.scenes.mentions import agreement
from vasari.training.scenes.questions import Question, ask
from vasari.training.scenes.scene import Column, Detail, Language, Layer, Scene, Split
from vasari.training.scenes.typed_questions import short_typed_questions, typed_questions
from vasari.training.supervision import SceneHeads, patch_targets, targets_of

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # BART's, at BART's places
_IMAGE = "<image>"
_WORDS = 1400
_WIDTH = 160  # of the vision tower
_TEXT_WIDTH = 128
_QUESTIONS = 5  # for each picture and step
_TYPED = 4  # of them, in the second lesson

Asking = Callable[[Scene, Random], list[Question]]


def plain(scene: Scene, words: Random) -> list[Question]:
    """Questions in the forms of the collection."""
    return words.sample(ask(scene, words), _QUESTIONS)


def typed(scene: Scene, words: Random) -> list[Question]:
    """Questions as people type them, and a few of the others lest they be forgotten."""
    return [
        *typed_questions(scene, Split.TRAIN, words, _TYPED),
        *words.sample(ask(scene, words), _QUESTIONS - _TYPED),
    ]


def learn_tokenizer(scenes: Sequence[Scene]) -> Any:
    """Byte-level BPE over captions, questions and answers, BART's special tokens, <image> and <loc_0>…<loc_999>."""
    from transformers import PreTrainedTokenizerFast

    texts = [CAPTION, DETAILED, DETECT, GROUND]
    for scene in scenes[:3000]:
        words = Random(f"captioner/{scene.seed}")
        texts.append(describe(scene, Language.ENGLISH, Detail.HIGH, words))
        texts += [f"{asked.question} {asked.answer}" for asked in ask(scene, words)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=_WORDS,
            special_tokens=list(_SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": _IMAGE},
        model_max_length=256,
    )
    wrapped.add_tokens([f"<loc_{number}>" for number in range(BINS)])
    return wrapped


def vision_configuration(layers: int, patch: int) -> dict[str, Any]:
    """What Florence2VisionConfig takes: a DaViT of one stage."""
    return {
        "depths": [layers],
        "patch_size": [patch],
        "patch_stride": [patch],
        "patch_padding": [0],
        "patch_prenorm": [False],
        "embed_dim": [_WIDTH],
        "num_heads": [_WIDTH // 32],
        "num_groups": [_WIDTH // 32],
        "window_size": SIZE // patch,
        "drop_path_rate": 0.0,
        "projection_dim": _TEXT_WIDTH,
    }


class CaptionerEyes(nn.Module):
    """The captioner's vision tower, with a norm and auxiliary heads for its patches that are not kept."""

    def __init__(self, layers: int, patch: int) -> None:
        super().__init__()
        from transformers import Florence2VisionConfig
        from transformers.models.florence2.modeling_florence2 import Florence2VisionBackbone

        config = Florence2VisionConfig(**vision_configuration(layers, patch))
        self.layers, self.grid = layers, SIZE // patch
        self.tower = Florence2VisionBackbone(config)
        self.norm = nn.LayerNorm(_WIDTH)
        self.heads = SceneHeads(EMBED_DIM, _WIDTH)

    def start_from(self, eyes: Towers, pixels: Tensor) -> None:
        """Take the eyes in open_clip's form, and their patch head; `pixels` are some normalised pictures."""
        visual = eyes.clip.visual.state_dict()
        start_davit(self.tower, visual, self.layers, pixels)
        self.heads.load_state_dict(eyes.heads.state_dict())
        self.norm.load_state_dict({"weight": visual["ln_post.weight"], "bias": visual["ln_post.bias"]})

    def see(self, pixels: Tensor) -> Tensor:
        """Patches (n, patches, width) of normalised pixels (n, 3, SIZE, SIZE)."""
        seen: Tensor = self.tower(pixels).last_hidden_state  # (n, width, rows, columns)
        return seen.flatten(2).transpose(1, 2)


class CaptionerEyesLesson:
    """What is under each patch, once more: DaViT has no table of positions, but convolutions, and channel blocks."""

    def __init__(self, eyes: CaptionerEyes, drawn: Drawn, batch: int, seed: int = 0) -> None:
        self.eyes, self.drawn, self.size, self.seed = eyes, drawn, batch, seed
        self.targets = targets_of(drawn.scenes)

    def batch_at(self, step: int) -> dict[str, Tensor]:
        """Windows of pictures, and the object under each of their patches."""
        rng = np.random.default_rng((self.seed, step, 3))
        indices = batch_indices(len(self.drawn), self.size, step, self.seed + 3)
        pixels, windows = random_windows(self.drawn.pictures(indices), SIZE, rng)
        return {"pixels": pixels, "patches": patch_targets(self.targets.at(indices), windows, self.eyes.grid)}

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The object under each patch."""
        return self.eyes.heads.patch_loss(self.eyes.norm(self.eyes.see(batch["pixels"])), batch["patches"])

    def evaluate(self, heldout: Drawn) -> dict[str, float]:
        """Accuracy of patch classification on heldout pictures."""
        pixels = whole_pictures(heldout.pictures(np.arange(len(heldout))), SIZE)
        patches = torch.cat([self.eyes.norm(self.eyes.see(part)) for part in torch.split(pixels, 100)])
        return self.eyes.heads.evaluate_patches(patches, heldout.scenes, self.eyes.grid)


class Captioner(nn.Module):
    """Florence2ForConditionalGeneration, whose vision tower is not trained."""

    def __init__(self, tokenizer: Any, layers: int, patch: int) -> None:
        super().__init__()
        from transformers import BartConfig, Florence2Config, Florence2ForConditionalGeneration

        text = BartConfig(
            vocab_size=len(tokenizer),
            d_model=_TEXT_WIDTH,
            encoder_layers=1,
            decoder_layers=3,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=4 * _TEXT_WIDTH,
            decoder_ffn_dim=4 * _TEXT_WIDTH,
            max_position_embeddings=256,
            dropout=0.0,
            attention_dropout=0.0,
            bos_token_id=tokenizer.bos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.eos_token_id,
            forced_eos_token_id=None,
            init_std=0.07,  # BART's 0.02 suits 768 wide
        )
        config = Florence2Config(
            vision_config=vision_configuration(layers, patch),
            text_config=text.to_dict(),
            image_token_id=tokenizer.image_token_id,
            bos_token_id=tokenizer.bos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.eos_token_id,
        )
        self.florence = Florence2ForConditionalGeneration(config)

    def start_from(self, eyes: CaptionerEyes) -> None:
        """Load the vision tower, and freeze it."""
        tower = self.florence.model.vision_tower
        tower.load_state_dict(eyes.tower.state_dict())
        tower.requires_grad_(False)

    @torch.no_grad()
    def start_naming(self, naming: Tensor, eyes: CaptionerEyes) -> None:
        """Initialise projection and cross-attention: patches begin as words for what they show (`visual_words`)."""
        model = self.florence.model
        language = model.language_model
        concepts = name_alike(language.shared.weight, naming)
        seen = visual_words(eyes.heads, concepts, length=7.0) * eyes.norm.weight
        model.multi_modal_projector.image_projection.weight.copy_(seen - seen.mean(1, keepdim=True))
        for layer in language.encoder.layers:
            for part in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
                make_identity(part, 1.0)
            make_identity(layer.self_attn.out_proj, 0.5)
        for layer in language.decoder.layers:
            make_identity(layer.encoder_attn.v_proj, 1.0)
            make_identity(layer.encoder_attn.out_proj, 0.5)

    def load(self, directory: Path) -> None:
        """Take the weights that `save` wrote; the vision tower stays as it is."""
        saved = load_file(directory / "model.safetensors")
        self.florence.load_state_dict({name: value.float() for name, value in saved.items()}, strict=False)
        self.florence.tie_weights()
        self.florence.model.vision_tower.requires_grad_(False)

    def see(self, pixels: Tensor) -> Tensor:
        """Patches (n, patches, width) of normalised pixels (n, 3, SIZE, SIZE)."""
        seen: Tensor = self.florence.model.vision_tower(pixels).last_hidden_state
        return seen.flatten(2).transpose(1, 2)

    def project(self, patches: Tensor) -> Tensor:
        """Image features (n, 1 + patches, text width) of patches (n, patches, width)."""
        side = round(patches.shape[1] ** 0.5)
        seen = patches.transpose(1, 2).reshape(*patches.shape[::2], side, side)
        features: Tensor = self.florence.model.multi_modal_projector(seen)
        return features

    def save(self, directory: Path, tokenizer: Any) -> None:
        """Write model, tokenizer and image processor in the hub's format, in half precision."""
        from copy import deepcopy

        from transformers import CLIPImageProcessor, Florence2Processor

        saved = deepcopy(self.florence).half()
        saved.generation_config.num_beams = 1  # its figures are of greedy decoding
        saved.save_pretrained(directory)
        images = CLIPImageProcessor(
            size={"height": SIZE, "width": SIZE},
            do_center_crop=False,
            crop_size={"height": SIZE, "width": SIZE},
            image_mean=MEAN,
            image_std=STD,
            image_seq_length=self.image_tokens(),
        )
        Florence2Processor(images, tokenizer, post_processor_config=_PARSED).save_pretrained(directory)

    def image_tokens(self) -> int:
        """How many tokens a picture takes in the prompt: its patches and their mean."""
        vision = self.florence.config.vision_config
        return int((SIZE // vision.patch_size[0]) ** 2 + 1)


class CaptionerLesson:
    """Batches and loss of the recipe; a batch is decided by the step alone."""

    def __init__(
        self,
        captioner: Captioner,
        scenes: Sequence[Scene],
        patches: npt.NDArray[np.float16],
        tokenizer: Any,
        batch: int,
        seed: int = 0,
        asking: Asking = plain,
    ) -> None:
        """`patches` (n, patches, width) are what the eyes saw of the n scenes, `asking` what is asked about one."""
        self.captioner, self.scenes, self.patches = captioner, scenes, patches
        self.tokenizer, self.size, self.seed, self.asking = tokenizer, batch, seed, asking

    def batch_at(self, step: int) -> dict[str, Any]:
        """What was seen; questions about it; and longer texts: a detailed caption and one of the other tasks."""
        indices = batch_indices(len(self.scenes), self.size, step, self.seed)
        words = Random(f"{self.seed}/{step}")
        questions, texts = [], []
        for number, index in enumerate(indices):
            scene = self.scenes[int(index)]
            questions += [Example(number, each.question, each.answer) for each in self.asking(scene, words)]
            if number % 2 == 0:  # long texts cost ten times as much as answers
                texts.append(Example(number, DETAILED, detailed_caption(scene)))
                texts.append(other_task(number, scene, words))
        return {
            "patches": torch.from_numpy(self.patches[indices]).float(),
            "questions": encode_examples(questions, self.tokenizer),
            "texts": encode_examples(texts, self.tokenizer),
        }

    def loss(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        """Answers and captions."""
        captioner = self.captioner
        features = captioner.project(batch["patches"])
        answer, right = answer_loss(captioner.florence, features, *batch["questions"])
        text, _ = answer_loss(captioner.florence, features, *batch["texts"])
        return answer + text, {"answer": answer.item(), "right": right, "text": text.item()}

    def evaluate(self, scenes: Sequence[Scene], patches: Tensor) -> dict[str, float]:
        """Question accuracy by kind, and F1 of the coloured things in detailed captions, all decoded greedily."""
        features = self.captioner.project(patches)
        asked = [(n, q) for n, s in enumerate(scenes) for q in _asked(s, Random(f"dev/{s.seed}"))]
        answers = self._write([Example(n, q.question, "") for n, q in asked], features, 6)
        right: dict[str, list[bool]] = {}
        for (_, question), answer in zip(asked, answers, strict=True):
            right.setdefault(question.kind, []).append(answer == question.answer)
        captions = self._write([Example(n, DETAILED, "") for n in range(len(scenes))], features, 90)
        agreed = agreement(captions, scenes)
        every = [one for kind in right.values() for one in kind]
        figures = {"answers": float(np.mean(every)), "f1": agreed.f1, "recall": agreed.recall}
        return figures | {kind: float(np.mean(values)) for kind, values in sorted(right.items())}

    def _write(self, examples: list[Example], features: Tensor, longest: int) -> list[str]:
        """Greedy answers. Without a cache: answers are short, and batches large."""
        florence, texts = self.captioner.florence, []
        config, language = florence.config.text_config, florence.model.language_model
        for start in range(0, len(examples), 200):
            pictures, prompts, _ = encode_examples(examples[start : start + 200], self.tokenizer)
            shown = features[pictures]
            inputs = torch.cat([shown, language.get_input_embeddings()(prompts)], dim=1)
            mask = torch.cat(
                [torch.ones(shown.shape[:2], dtype=torch.long), (prompts != config.pad_token_id).long()], 1
            )
            encoded = language.encoder(inputs_embeds=inputs, attention_mask=mask)[0]
            ids = torch.full((len(inputs), 1), config.decoder_start_token_id)
            for _ in range(longest):
                hidden = language.decoder(
                    input_ids=ids, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
                )[0]
                new = florence.lm_head(hidden[:, -1]).argmax(-1)
                ended = (ids[:, 1:] == config.eos_token_id).any(1)
                ids = torch.cat([ids, new.masked_fill(ended, config.eos_token_id)[:, None]], dim=1)
                if (ids[:, 1:] == config.eos_token_id).any(1).all():
                    break
            texts += self.tokenizer.batch_decode(ids[:, 1:], skip_special_tokens=True)
        return [text.strip() for text in texts]


def _asked(scene: Scene, words: Random) -> list[Question]:
    """What a heldout scene is asked."""
    return [*ask(scene, words), *short_typed_questions(scene, Split.HELDOUT, words)]


def in_order(scene: Scene) -> Scene:
    """The scene told from left to right, and from the sky down."""
    place = {name: number for number, name in enumerate([*Column, *Layer])}
    groups = sorted(scene.groups, key=lambda group: (place[group.column], place[group.layer]))
    return replace(scene, groups=tuple(groups))


def detailed_caption(scene: Scene) -> str:
    """The caption to learn: always in the same words and order, so that a small model spends nothing on style."""
    return describe(in_order(scene), Language.ENGLISH, Detail.HIGH, Random(_STYLE[Detail.HIGH]))


def other_task(number: int, scene: Scene, words: Random) -> Example:
    """A short caption, a phrase to find, or all objects."""
    chance = words.random()
    if chance < 0.4:
        told = describe(in_order(scene), Language.ENGLISH, Detail.MEDIUM, Random(_STYLE[Detail.MEDIUM]))
        return Example(number, CAPTION, told)
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for label, box in boxes(scene):
        found.setdefault(label, []).append(box)
    if chance < 0.8:
        label = words.choice(sorted(found))
        return Example(number, GROUND.format(label), located(label, found[label]))
    return Example(
        number, DETECT, "".join(located(label, [box]) for label, all_ in found.items() for box in all_)
    )


# What the processor may parse; it refuses tasks that are not named here.
_PARSED: dict[str, dict[str, Any]] = {
    "pure_text": {},
    "description_with_bboxes": {},
    "phrase_grounding": {"banned_grounding_tokens": []},
    "bboxes": {},
}
_STYLE = {Detail.HIGH: 3, Detail.MEDIUM: 3}  # seeds whose phrasing reads well
