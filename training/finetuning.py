"""Contrastive fine-tuning of any open_clip model on pictures with captions: what `vasari train` runs.

The output directory holds the model as the hub keeps it (it works as `--model`), and `run/`: checkpoint, logs, plan.
Running the same command again goes on from the last checkpoint; batches depend on the step alone, so the result is
that of a run that was never interrupted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from vasari.retrieval.errors import ImageError, UnsupportedError, UsageError
from vasari.retrieval.evaluation.datasets import Dataset
from vasari.retrieval.evaluation.metrics import rank_queries, summary
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.clip.builder import model_settings
from vasari.retrieval.models.clip.layouts import build_model, build_tokenizer, image_preprocessing
from vasari.retrieval.models.clip.transformers_clip import TransformersClip
from vasari.retrieval.models.hardware import choose_device
from vasari.retrieval.models.preprocessing import ImagePreprocessing, ResizeMode
from vasari.retrieval.models.registry.configurations import INDEX_SUFFIX
from vasari.retrieval.models.registry.files import ModelFiles, locate
from vasari.retrieval.models.registry.hub import HubAccess
from vasari.retrieval.models.registry.resolve import architectures, resolve
from vasari.retrieval.storage.atomic import replaced
from vasari.retrieval.storage.local_files import read_file
from vasari.training.loop import Run, Schedule
from vasari.training.losses import info_nce, siglip

LossName = Literal["infonce", "siglip"]
Tower = Literal["image", "text"]

_EVALUATED = 1000  # pictures of the validation set that are ranked as training goes


@dataclass(frozen=True, slots=True)
class FineTuning:
    """What to train and how; `plan` holds the schedule."""

    model: str  # any model reference; with `scratch`, the name of an open_clip architecture
    plan: Schedule
    batch: int = 64
    loss: LossName | None = None  # default: the one the model was made with
    lock: Tower | None = None  # leave this tower's weights as they are
    scratch: bool = False
    smallest_crop: float = 0.9  # random resized crop: share of the picture's area, drawn anew at every sight
    device: str = "auto"


def fine_tune(
    dataset: Dataset,
    validation: Dataset | None,
    output: Path,
    options: FineTuning,
    access: HubAccess | None = None,
    *,
    progress: bool = True,
) -> Mapping[Path, str]:
    """Train, or go on training, and write the model to `output`; why pictures could not be read, which are left out.

    Raises UsageError for an output directory of another run, a batch larger than the dataset, or settings that make
    no sense; NotFoundError and ModelUnavailableError for the model as loading does.
    """
    if len(dataset.images) < 2:
        raise UsageError("contrastive training needs at least two pictures")
    _claim(output, options, dataset)
    student = _Student(options, access or HubAccess())
    lesson = _Lesson(student, dataset, min(options.batch, len(dataset.images)), options)
    run = Run(student.model, options.plan, output / "run", str(student.device.type))
    evaluate = None if validation is None else (lambda: _recalls(student, validation))
    run.train(lesson.loss, lesson.batch_at, evaluate, progress)
    student.save(output)
    return lesson.unreadable


def _claim(output: Path, options: FineTuning, dataset: Dataset) -> None:
    """Note what is trained here, or refuse to go on with something else."""
    note = output / "run" / "options.json"
    wanted = json.loads(json.dumps({**asdict(options), "device": "", "pictures": len(dataset.images)}))
    if note.is_file() and (found := json.loads(note.read_text("utf-8"))) != wanted:
        differing = ", ".join(sorted(name for name in wanted if wanted[name] != found.get(name)))
        raise UsageError(f"{output} holds a run with other settings ({differing}): choose another --output")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(wanted, indent=2) + "\n", "utf-8")


class _Student:
    """The model in training, with its preprocessing."""

    def __init__(self, options: FineTuning, access: HubAccess) -> None:
        self.device = choose_device(options.device)
        self.files: ModelFiles | None = None
        if options.scratch:
            self.model, self.tokenizer, self.config = _untrained(options.model)
        else:
            self.files = locate(resolve(options.model), access)
            self.model = build_model(self.files)
            self.tokenizer = build_tokenizer(self.files, self.model)
            self.config = {"model_cfg": model_settings(self.files)}
        self.image = (
            image_preprocessing(self.files, self.model) if self.files else _clip_preprocessing(self.model)
        )
        if self.image.resize_mode is ResizeMode.PATCHES:
            raise UnsupportedError(
                f"{options.model} reads pictures as patches of any shape: it is not trained here"
            )
        self.config["preprocess_cfg"] = {
            "mean": list(self.image.mean),
            "std": list(self.image.std),
            "interpolation": self.image.interpolation,
            "resize_mode": str(self.image.resize_mode),
        }
        self.model.to(self.device).requires_grad_(True)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(_tower_of(name) != options.lock)
        self.locked = [
            child
            for name, child in self.model.named_children()
            if options.lock is not None and _tower_of(f"{name}.") == options.lock
        ]

    def keep_locked(self) -> None:
        """Batch normalisation of a locked tower goes on with its own statistics, and dropout leaves nothing out."""
        for module in self.locked:
            module.eval()

    def pixels(self, batch: NDArray[np.uint8]) -> Tensor:
        """(n, H, W, 3) uint8 to (n, 3, H, W) as the model wants it."""
        pixels = torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (
            torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (self.image.mean, self.image.std)
        )
        return (pixels - mean) / std

    def embed_pictures(self, batch: NDArray[np.uint8]) -> Tensor:
        """Unit embeddings (n, dim) of prepared pictures (n, H, W, 3)."""
        model: Any = self.model
        embedded: Tensor = model.encode_image(self.pixels(batch), normalize=True)
        return embedded

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit embeddings (n, dim) of texts."""
        model: Any = self.model
        embedded: Tensor = model.encode_text(self.tokenizer(list(texts)).to(self.device), normalize=True)
        return embedded

    def save(self, output: Path) -> None:
        """Write configuration, tokenizer and weights in the hub's format: the layout that the model was read in."""
        if isinstance(self.model, TransformersClip):
            _copy_text_files(self.model.folder, output)
            self.model.saved_as[0].save_pretrained(output)
            return
        if self.files is not None:
            for folder in {self.files.tokenizer, self.files.text_model} - {None}:
                _copy_text_files(Path(str(folder)), output)
        (output / "open_clip_config.json").write_text(json.dumps(self.config, indent=2) + "\n", "utf-8")
        weights = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        with replaced(output / "open_clip_model.safetensors") as (unfinished,):
            save_file(weights, unfinished, metadata={"format": "pt"})


def _clip_preprocessing(model: nn.Module) -> ImagePreprocessing:
    size: Any = model.get_submodule("visual").image_size
    return ImagePreprocessing.from_open_clip(size, {})


def _untrained(architecture: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    if architecture not in architectures():
        raise UsageError(f"--from-scratch needs the name of an open_clip architecture, not {architecture!r}")
    config = open_clip.get_model_config(architecture)
    text = (config or {}).get("text_cfg", {})
    if config is None or "hf_tokenizer_name" in text or "hf_model_name" in text:
        raise UsageError(f"{architecture} needs a tokenizer of its own: train from a directory that holds it")
    model: nn.Module = open_clip.create_model(architecture, pretrained=None)
    return model, open_clip.get_tokenizer(architecture), {"model_cfg": config}


def _tower_of(parameter: str) -> Tower | None:
    """Which tower a parameter belongs to; None for the temperature and bias, which always learn."""
    if parameter in ("logit_scale", "logit_bias"):
        return None
    return "image" if parameter.startswith("visual.") else "text"


def _copy_text_files(source: Path, output: Path) -> None:
    for pattern in ("*.json", "*.txt", "*.model"):
        for file in source.glob(pattern):
            if file.name != "open_clip_config.json" and not file.name.endswith(INDEX_SUFFIX):
                shutil.copyfile(file, output / file.name)


class _Lesson:
    """Batches and their loss; a batch is a function of (seed, step)."""

    def __init__(self, student: _Student, dataset: Dataset, batch: int, options: FineTuning) -> None:
        self.student, self.dataset, self.batch, self.options = student, dataset, batch, options
        self.captions = dataset.captions_of()
        self.unreadable: dict[Path, str] = {}
        bias = getattr(student.model, "logit_bias", None)
        self.loss_name = options.loss or ("siglip" if bias is not None else "infonce")
        if self.loss_name == "siglip" and bias is None:
            if isinstance(student.model, TransformersClip):
                raise UsageError(
                    f"{options.model} has no place for the bias of the sigmoid loss: use --loss infonce"
                )
            student.model.register_parameter(
                "logit_bias", nn.Parameter(torch.tensor(-10.0, device=student.device))
            )
            student.config["model_cfg"]["init_logit_bias"] = -10
        self.pool = ThreadPoolExecutor(thread_name_prefix="decode")

    def batch_at(self, step: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Pictures (n, H, W, 3) and one of the captions of each."""
        seed, count = self.options.plan.seed, len(self.dataset.images)
        epoch, number = divmod(step, max(1, count // self.batch))
        order = np.random.default_rng((seed, epoch)).permutation(count)
        chosen = order[number * self.batch : (number + 1) * self.batch]
        rng = np.random.default_rng((seed, epoch, number, 1))
        crops = rng.uniform(self.options.smallest_crop, 1, len(chosen))
        places = rng.uniform(0, 1, (len(chosen), 2))
        texts = [self.dataset.texts[int(rng.choice(self.captions[image]))] for image in chosen]
        pixels = self.pool.map(self._pixels, chosen.tolist(), crops, places)
        read = [(picture, text) for picture, text in zip(pixels, texts, strict=True) if picture is not None]
        if not read:
            path, reason = next(iter(self.unreadable.items()))
            raise UsageError(f"none of the {len(chosen)} pictures of a batch can be read: {path}: {reason}")
        return np.stack([picture for picture, _ in read]), [text for _, text in read]

    def loss(self, batch: tuple[NDArray[np.uint8], list[str]]) -> tuple[Tensor, dict[str, float]]:
        """The contrastive loss of one batch."""
        self.student.keep_locked()
        model: Any = self.student.model
        image, text = self.student.embed_pictures(batch[0]), self.student.embed_texts(batch[1])
        scale = model.logit_scale.exp().clamp(max=100)
        loss = (
            siglip(image, text, scale, model.logit_bias)
            if self.loss_name == "siglip"
            else info_nce(image, text, scale)
        )
        right = ((image @ text.T).argmax(1) == torch.arange(len(image), device=image.device)).float().mean()
        return loss, {"batch_R@1": right.item()}

    def _pixels(self, image: int, area: float, place: NDArray[np.float64]) -> NDArray[np.uint8] | None:
        path = self.dataset.images[image]
        try:
            return _prepared(path, self.student, area, place)
        except ImageError as error:
            self.unreadable[path] = str(error)
            return None


def _prepared(path: Path, student: _Student, area: float, place: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Preprocessing of one picture, or of a random crop with `area` of its surface; raises ImageError."""
    limits, side = ImageLimits(), min(student.image.height, student.image.width)
    picture = decode(read_file(path, limits), limits, target=side).picture
    share = area**0.5
    width, height = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    left, top = round((picture.width - width) * place[0]), round((picture.height - height) * place[1])
    return student.image.prepare(picture.crop((left, top, left + width, top + height)))


def _recalls(student: _Student, dataset: Dataset) -> dict[str, float]:
    """R@1 and R@10 of both directions on the first pictures of a dataset that can be read."""
    paths = dataset.images[:_EVALUATED]
    unreadable: dict[Path, str] = {}
    known = [
        (text, image)
        for text, image in zip(dataset.texts, dataset.answers, strict=True)
        if image < len(paths)
    ]
    whole = np.zeros(2)
    pictures = []
    for start in range(0, len(paths), 64):
        read = []
        for path in paths[start : start + 64]:
            try:
                read.append(_prepared(path, student, 1.0, whole))
            except ImageError as error:
                unreadable[path] = str(error)
        if not unreadable:
            pictures.append(student.embed_pictures(np.stack(read)))
    if unreadable:
        return _recalls(student, dataset.without(unreadable))
    captions_known = [text for text, _ in known]
    texts = [
        student.embed_texts(captions_known[start : start + 64]) for start in range(0, len(captions_known), 64)
    ]
    scores = (torch.cat(texts) @ torch.cat(pictures).T).float().cpu().numpy()
    answers = [image for _, image in known]
    told = sorted(set(answers))
    captions = {image: [place for place, other in enumerate(answers) if other == image] for image in told}
    forward = summary(rank_queries(scores, [[image] for image in answers]))
    backward = summary(rank_queries(scores.T[told], [captions[image] for image in told]))
    return {
        f"{direction}_{name}": figures[name]
        for direction, figures in (("t2i", forward), ("i2t", backward))
        for name in ("R@1", "R@10")
    }
