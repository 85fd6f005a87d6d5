"""Parts of timm's vision transformers read from a file of open_clip: the layers, and pooling by a learned vector."""

from __future__ import annotations

from vasari.retrieval.models.export.tensor_file import TensorFile
from vasari.retrieval.models.export.tower_weights import Block, Gelu, LatentPool

TRUNK = "visual.trunk"


def trunk_blocks(tensors: TensorFile, width: int, heads: int, gelu: Gelu, eps: float) -> list[Block]:
    """All layers that the file holds; KeyError where there are none, ValueError for other shapes."""
    hidden, _ = tensors.shape(f"{TRUNK}.blocks.0.mlp.fc1.weight")
    blocks: list[Block] = []
    while (each := f"{TRUNK}.blocks.{len(blocks)}") + ".norm1.weight" in tensors.left:
        blocks.append(
            Block(
                ln_1=tensors.norm(f"{each}.norm1", width, eps),
                given=tensors.linear(f"{each}.attn.qkv", 3 * width, width),
                out=tensors.linear(f"{each}.attn.proj", width, width),
                ln_2=tensors.norm(f"{each}.norm2", width, eps),
                up=tensors.linear(f"{each}.mlp.fc1", hidden, width),
                down=tensors.linear(f"{each}.mlp.fc2", width, hidden),
                heads=heads,
                gelu=gelu,
            )
        )
    return blocks


def latent_pool(tensors: TensorFile, width: int, heads: int, gelu: Gelu, eps: float) -> LatentPool:
    """The pooling; KeyError or ValueError for another one."""
    pool = f"{TRUNK}.attn_pool"
    hidden, _ = tensors.shape(f"{pool}.mlp.fc1.weight")
    return LatentPool(
        latent=tensors.take(f"{pool}.latent", (1, 1, width))[0, 0],
        asking=tensors.linear(f"{pool}.q", width, width),
        given=tensors.linear(f"{pool}.kv", 2 * width, width),
        out=tensors.linear(f"{pool}.proj", width, width),
        norm=tensors.norm(f"{pool}.norm", width, eps),
        up=tensors.linear(f"{pool}.mlp.fc1", hidden, width),
        down=tensors.linear(f"{pool}.mlp.fc2", width, hidden),
        heads=heads,
        gelu=gelu,
    )
