"""Weight transfer between architectures: open_clip's vision transformer as BLIP's, and as a one-stage DaViT.

All three are pre-norm transformers over patches, so what one learnt is worth keeping in the others. BLIP's tower is
the same function to the last bit. DaViT has no class token and no position table, puts a norm after the patches, and
follows each spatial block with a channel block; the latter and its depth-wise convolutions start as the identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]

_BLIP_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.in_proj_": "self_attn.qkv.",
    "attn.out_proj": "self_attn.projection",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_DAVIT_LAYER = {
    "ln_1": "norm1",
    "ln_2": "norm2",
    "attn.in_proj_": "window_attn.qkv.",
    "attn.out_proj": "window_attn.proj",
    "mlp.c_fc": "ffn.fc1",
    "mlp.c_proj": "ffn.fc2",
}


def to_blip_vision(visual: Weights, layers: int) -> dict[str, Tensor]:
    """State of `BlipVisionModel` from that of open_clip's `VisionTransformer` (made with `no_ln_pre`)."""
    patches = visual["conv1.weight"]
    found = {
        "embeddings.class_embedding": visual["class_embedding"].view(1, 1, -1),
        "embeddings.position_embedding": visual["positional_embedding"][None],
        "embeddings.patch_embedding.weight": patches,
        "embeddings.patch_embedding.bias": torch.zeros(len(patches)),
        "post_layernorm.weight": visual["ln_post.weight"],
        "post_layernorm.bias": visual["ln_post.bias"],
    }
    for layer in range(layers):
        found |= _layer(visual, layer, f"encoder.layers.{layer}.", _BLIP_LAYER)
    return found


def from_blip_vision(vision: Weights, layers: int) -> dict[str, Tensor]:
    """The state that `to_blip_vision` was given, but for the projection, which BLIP's tower does not have."""
    found = {
        "class_embedding": vision["embeddings.class_embedding"].flatten(),
        "positional_embedding": vision["embeddings.position_embedding"][0],
        "conv1.weight": vision["embeddings.patch_embedding.weight"],
        "ln_post.weight": vision["post_layernorm.weight"],
        "ln_post.bias": vision["post_layernorm.bias"],
    }
    for layer in range(layers):
        found |= {
            f"transformer.resblocks.{layer}.{old}": vision[f"encoder.layers.{layer}.{new}"]
            for old, new in _parameters(_BLIP_LAYER)
        }
    return found


@torch.no_grad()
def start_davit(tower: nn.Module, visual: Weights, layers: int, pixels: Tensor) -> None:
    """Give `Florence2VisionBackbone` of one stage, `layers` deep, the weights of open_clip's `VisionTransformer`.

    `pixels` (n, 3, h, w) are typical pictures: the norm after DaViT's patches is set so that they keep their spread,
    without which the layers see something else than what they were trained on.
    """
    state = tower.state_dict()
    for name, value in state.items():
        if name.rpartition(".")[0].endswith(
            (".conv1", ".conv2", "channel_attn.proj", "channel_block.ffn.fc2")
        ):
            value.zero_()
    state["convs.0.conv.weight"].copy_(visual["conv1.weight"])
    state["convs.0.conv.bias"].copy_(visual["positional_embedding"][1:].mean(0))
    patches = nn.functional.conv2d(pixels, visual["conv1.weight"], stride=visual["conv1.weight"].shape[-1])
    patches = patches.flatten(2).transpose(1, 2) + visual["positional_embedding"][1:]
    state["convs.0.norm.weight"].fill_(patches.std(-1).mean().item())
    for layer in range(layers):
        prefix = f"blocks.0.{layer}.spatial_block."
        for name, value in _layer(visual, layer, prefix, _DAVIT_LAYER).items():
            state[name].copy_(value)
    tower.load_state_dict(state)


def _layer(visual: Weights, layer: int, prefix: str, names: Mapping[str, str]) -> dict[str, Tensor]:
    return {prefix + new: visual[f"transformer.resblocks.{layer}.{old}"] for old, new in _parameters(names)}


def _parameters(names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The parameters of one layer, as open_clip and as the other names them."""
    for part, renamed in names.items():
        for kind in ("weight", "bias"):
            old = f"{part}{kind}" if part.endswith("_") else f"{part}.{kind}"
            yield old, f"{renamed}{kind}" if renamed.endswith(".") else f"{renamed}.{kind}"
