"""Write a model with random weights as the hub keeps it: for benchmarks, whose speed does not depend on the weights.

    python -m benchmarks.random_model DIR [--architecture ViT-B-32] [--seed 0]

The folder holds `open_clip_config.json` and `open_clip_model.safetensors`, and can be given as `--model DIR`.
An architecture with a tokenizer of its own gets a made-up one of the same size (`benchmarks.random_tokenizer`).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

from benchmarks.random_tokenizer import write_tokenizer


def write(directory: Path, architecture: str, seed: int) -> int:
    """Write the model; returns the number of its parameters."""
    settings = open_clip.get_model_config(architecture)
    if settings is None:
        raise SystemExit(f"open_clip has no architecture {architecture!r}")
    if "hf_model_name" in settings["text_cfg"]:
        raise SystemExit(f"the text tower of {architecture} is described in a repository of its own")
    torch.manual_seed(seed)
    model = open_clip.create_model(architecture, pretrained_text=False)
    directory.mkdir(parents=True, exist_ok=True)
    if "hf_tokenizer_name" in settings["text_cfg"]:
        write_tokenizer(directory, settings["text_cfg"]["vocab_size"])
    content = {"model_cfg": settings, "preprocess_cfg": model.visual.preprocess_cfg}
    (directory / "open_clip_config.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, directory / "open_clip_model.safetensors")
    return sum(parameter.numel() for parameter in model.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--architecture", default="ViT-B-32")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    parameters = write(arguments.directory, arguments.architecture, arguments.seed)
    sys.stderr.write(
        f"{arguments.architecture}: {parameters / 1e6:.1f} M parameters in {arguments.directory}\n"
    )
    content = {
        "directory": str(arguments.directory),
        "architecture": arguments.architecture,
        "parameters": parameters,
        "seed": arguments.seed,
    }
    sys.stdout.write(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
