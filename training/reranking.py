"""Fine-tuning of a reranker on pairs: true captions against those that the dual encoder takes for true.

Each picture of a batch stands beside three pairs: with its own caption, with a wrong caption, and its caption with a
wrong picture (BLIP, Li et al., ICML 2022, section 3.2). The wrong ones are drawn from the nearest in the dual encoder's
space, over the whole dataset, which are what a reranker is given to tell apart.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vasari.retrieval.domain import UnitVectors
from vasari.retrieval.errors import UsageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.embeddings import EmbeddingFiles, UnreadableError
from vasari.retrieval.evaluation.metrics import ndcg, rank_queries, summary
from vasari.retrieval.evaluation.report import Reranking, picture_features, rerank
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.models.preprocessing import ImagePreprocessing, ResizeMode
from vasari.retrieval.models.registry.files import locate_folder
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.resolve import resolve
from vasari.retrieval.models.registry.transformers_folder import quiet
from vasari.retrieval.models.reranker import BlipReranker
from vasari.training import processes
from vasari.training.crops import Crops, Sights
from vasari.training.lora import merge_low_rank
from vasari.training.matching import hard_negatives, matching_loss
from vasari.training.options import FineTuning, Tower
from vasari.training.student import adapt, copy_text_files

_NEAREST = 16  # wrong ones are drawn from so many, for the very nearest is often true as well
_EVALUATED = 200  # pictures of the validation set that are reranked as training goes


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures (n, H, W, 3) with a true and a wrong caption each, and a wrong picture for the true one."""

    pictures: NDArray[np.uint8]
    wrong_pictures: NDArray[np.uint8]
    captions: list[str]
    wrong_captions: list[str]


class RerankerLesson:
    """Batches and loss; a batch is a function of the step. `directory` keeps the dual encoder's vectors."""

    def __init__(
        self,
        dataset: Dataset,
        options: FineTuning,
        access: HubAccess,
        device: torch.device,
        directory: Path,
    ) -> None:
        self.folder = locate_folder(resolve(options.reranker or "", ModelKind.RERANKER), access)
        self.reranker = BlipReranker(self.folder, device=str(device), precision="float32")
        self.model = self.reranker.model
        self.locked = adapt(self.model, options, _tower_of)
        self.encoder = OpenClipEncoder.load(
            options.model, device=str(device), offline=access.offline, hub_timeout=access.timeout
        )
        self.vectors = EmbeddingFiles(directory)
        self.dataset, pictures, unreadable = self._embedded(dataset)
        self.crops = Crops(
            self.dataset.images, options.batch, options.plan.seed, options.smallest_crop, unreadable
        )
        texts = self.vectors.texts(self.dataset.texts, self.encoder, _silent)
        alike = _alike(self.dataset)
        self.captions = self.dataset.captions_of()
        said = [sorted({twin for text in own for twin in alike[text]}) for own in self.captions]
        shown = [[self.dataset.answers[twin] for twin in twins] for twins in alike]
        self.wrong_texts = hard_negatives(pictures, texts, said, _NEAREST)
        self.wrong_pictures = hard_negatives(texts, pictures, shown, _NEAREST)
        if not all(map(len, self.wrong_texts)) or not all(map(len, self.wrong_pictures)):
            raise UsageError(
                "a caption that belongs to every picture teaches a reranker nothing: leave it out"
            )
        side = self.reranker.image_size
        self.form = ImagePreprocessing(side, side, interpolation="bicubic", resize_mode=ResizeMode.SQUASH)

    def _embedded(self, dataset: Dataset) -> tuple[Dataset, UnitVectors, dict[Path, str]]:
        """The dataset without what cannot be read, the vectors of its pictures, and what that is."""
        try:
            return dataset, self.vectors.pictures(dataset.images, self.encoder, _silent), {}
        except UnreadableError as error:
            rest = dataset.without(error.files)
            return rest, self.vectors.pictures(rest.images, self.encoder, _silent), dict(error.files)

    def batch_at(self, step: int) -> Batch:
        """This process's share of a step's batch."""
        sights = self.crops.at(step)
        draw, part = sights.random.choice, processes.share(len(sights.pictures))
        true = [int(draw(self.captions[image])) for image in sights.pictures]
        wrong = [int(draw(self.wrong_texts[image])) for image in sights.pictures][part]
        foreign = np.array([draw(self.wrong_pictures[text]) for text in true])[part]
        true, own = true[part], sights.share()
        both = Sights(
            np.concatenate([own.pictures, foreign]),
            np.tile(own.areas, 2),
            np.tile(own.places, (2, 1)),
            sights.random,
        )
        rows, (pixels,) = self.crops.read(both, self.form)
        place = {row: number for number, row in enumerate(rows)}
        kept = [row for row in range(len(true)) if row in place and row + len(true) in place]
        return Batch(
            pixels[[place[row] for row in kept]],
            pixels[[place[row + len(true)] for row in kept]],
            [self.dataset.texts[true[row]] for row in kept],
            [self.dataset.texts[wrong[row]] for row in kept],
        )

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Binary matching of the three kinds of pairs."""
        for module in self.locked:
            module.eval()
        own, foreign = self.reranker.see(np.concatenate([batch.pictures, batch.wrong_pictures])).chunk(2)
        texts = [*batch.captions, *batch.wrong_captions, *batch.captions]
        logits = self.reranker.logits(texts, torch.cat([own, own, foreign]))
        matches = torch.zeros(len(texts), dtype=torch.long, device=logits.device)
        matches[: len(own)] = 1
        loss, accuracy = matching_loss(logits, matches)
        return loss, {"accuracy": accuracy}

    def evaluate(self, validation: Dataset) -> dict[str, float]:
        """Text→image figures of the dual encoder's candidates, reranked as a search does it."""
        validation, pictures, _ = self._embedded(validation.first(_EVALUATED))
        texts = self.vectors.texts(validation.texts, self.encoder, _silent)
        scores = np.asarray(texts @ pictures.T)
        features = picture_features(validation.images, self.reranker)
        order = rerank(validation.texts, scores, features, Reranking(self.reranker))
        ranking = rank_queries(scores, [[image] for image in validation.answers], order)
        return {"t2i_R@1": summary(ranking)["R@1"], "t2i_nDCG@10": float(ndcg(ranking).mean())}

    def save(self, output: Path) -> None:
        """Write the reranker as it was read: model, tokenizer and processor."""
        merge_low_rank(self.model)
        copy_text_files(self.folder, output)
        with quiet():
            self.model.save_pretrained(output)


def _alike(dataset: Dataset) -> list[list[int]]:
    """For each caption those with the same words, itself among them: of other pictures they are true, too."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(dataset.texts):
        places[text.casefold()].append(place)
    return [places[text.casefold()] for text in dataset.texts]


def _tower_of(parameter: str) -> Tower | None:
    """Which half a parameter belongs to; None for the heads."""
    if parameter.startswith("vision_model."):
        return "image"
    return "text" if parameter.startswith("text_encoder.") else None


def _silent(_done: int) -> None:
    """Progress that is shown to nobody."""
