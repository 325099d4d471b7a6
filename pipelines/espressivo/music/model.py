"""A decoder-only transformer over bar words, conditioned at every step on buckets of attributes (EmoGen, Kang et al. 2023).

Rotary positions (Su et al. 2021) and a rolling cache of keys and values let it write on without end in constant memory.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from espressivo.errors import CheckpointError
from espressivo.music.tokens import VOCABULARY_SIZE
from espressivo.resources import verify_checksums

__all__ = ["MusicTransformer", "MusicTransformerConfig", "RollingCache", "load_music_transformer"]

ROTARY_BASE = 10_000.0
FIRST_ROOM = 256
"""Words for which the cache has room at first."""


@dataclass(frozen=True, slots=True)
class MusicTransformerConfig:
    """Size and conditions.

    Attributes:
        width: Model dimension.
        num_layers: Blocks.
        num_heads: Heads; divides ``width``.
        context: Longest attention, in words.
        dropout: In training.
        attributes: Names of the conditions in order.
        num_buckets: Buckets of each; 0 stands for "unspecified".
        vocabulary_size: Words.
    """

    width: int = 256
    num_layers: int = 6
    num_heads: int = 8
    context: int = 512
    dropout: float = 0.1
    attributes: tuple[str, ...] = ()
    num_buckets: int = 5
    vocabulary_size: int = VOCABULARY_SIZE


class RollingCache:
    """Keys and values of the last ``context`` words, for each layer.

    The buffers grow to room for twice as many, so that the oldest are moved out only now and then.

    Args:
        config: Layers, heads and context.
        batch: Rows.
        like: Its type and device are taken.
    """

    def __init__(self, config: MusicTransformerConfig, batch: int, like: Tensor | None = None) -> None:
        self.context = config.context
        self.position = 0
        self._held = 0
        room = min(FIRST_ROOM, 2 * config.context)
        shape = (config.num_layers, 2, batch, config.num_heads, room, config.width // config.num_heads)
        self._buffer = torch.zeros(shape) if like is None else torch.zeros(shape, dtype=like.dtype, device=like.device)

    @property
    def num_held(self) -> int:
        """Words that are remembered."""
        return self._held

    def make_room(self, length: int) -> None:
        """Grow, or forget the oldest words, where ``length`` new ones would not fit."""
        room = self._buffer.shape[4]
        if self._held + length <= room:
            return
        kept = self._buffer[..., max(0, self._held - self.context) : self._held, :]
        self._held = kept.shape[4]
        grown = max(min(2 * room, 2 * self.context), self._held + length)
        self._buffer = torch.cat([kept, kept.new_zeros(*kept.shape[:4], grown - self._held, kept.shape[5])], dim=4)

    def extended(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer with new ones appended, at most ``context`` before the first of them; ``(B, H, T, D)``."""
        end = self._held + key.shape[2]
        self._buffer[layer, 0, :, :, self._held : end] = key
        self._buffer[layer, 1, :, :, self._held : end] = value
        first = max(0, self._held - self.context)
        return self._buffer[layer, 0, :, :, first:end], self._buffer[layer, 1, :, :, first:end]

    def step(self, length: int) -> None:
        """Count words that all layers have seen."""
        self._held += length
        self.position += length

    def keep(self, rows: list[int]) -> None:
        """Forget all rows but these."""
        kept = self._buffer[:, :, rows, :, : self._held]
        self._buffer = self._buffer.new_zeros(*kept.shape[:4], *self._buffer.shape[4:])
        self._buffer[..., : self._held, :] = kept


class MusicTransformer(nn.Module):
    """Words and conditions in, logits of the next word out."""

    def __init__(self, config: MusicTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocabulary_size, config.width)
        num_conditions = len(config.attributes) * (config.num_buckets + 1)
        self.conditions = nn.EmbeddingBag(max(num_conditions, 1), config.width, mode="sum")
        blocks = [_Block(config) for _ in range(config.num_layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.apply(_initialise)
        for block in blocks:
            for layer in (block.projection, block.shrink):
                nn.init.normal_(layer.weight, std=0.02 / (2.0 * config.num_layers) ** 0.5)

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def embed_conditions(self, buckets: Tensor) -> Tensor:
        """Conditions as vectors: ``(B, N, A)`` int64 (0 unspecified, 1 to ``num_buckets``) to ``(B, N, W)``."""
        batch, length, num_attributes = buckets.shape
        offsets = torch.arange(num_attributes, device=buckets.device) * (self.config.num_buckets + 1)
        embedded: Tensor = self.conditions((buckets + offsets).reshape(batch * length, num_attributes))
        return embedded.view(batch, length, -1)

    def forward(self, words: Tensor, condition: Tensor, cache: RollingCache | None = None) -> Tensor:
        """Logits.

        Args:
            words: ``(B, T)`` int64.
            condition: ``(B, T, W)``, of :meth:`embed_conditions`: what is asked of the bar that each word belongs to.
            cache: What came before, extended in place; ``None`` in training.

        Returns:
            ``(B, T, V)`` logits of the word after each word.
        """
        length = words.shape[1]
        hidden = self.dropout(self.words(words) + condition)
        start = 0
        if cache is not None:
            cache.make_room(length)
            start = cache.position
        rotation = _rotation(start, length, self.config.width // self.config.num_heads, hidden)
        for index, block in enumerate(self.blocks):
            hidden = block(hidden, rotation, cache, index)
        if cache is not None:
            cache.step(length)
        return functional.linear(self.norm(hidden), self.words.weight)

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(asdict(self.config), indent=2) + "\n", encoding="utf-8")
        tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in self.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


class _Block(nn.Module):
    """Pre-norm attention and feed-forward layer."""

    def __init__(self, config: MusicTransformerConfig) -> None:
        super().__init__()
        self._num_heads = config.num_heads
        self._dropout = config.dropout
        self._context = config.context
        self.norm_attention = nn.LayerNorm(config.width, bias=False)
        self.attention = nn.Linear(config.width, 3 * config.width, bias=False)
        self.projection = nn.Linear(config.width, config.width, bias=False)
        self.norm_feed = nn.LayerNorm(config.width, bias=False)
        self.widen = nn.Linear(config.width, 4 * config.width, bias=False)
        self.shrink = nn.Linear(4 * config.width, config.width, bias=False)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, rotation: tuple[Tensor, Tensor], cache: RollingCache | None, index: int) -> Tensor:
        batch, length, width = hidden.shape
        mixed: Tensor = self.attention(self.norm_attention(hidden))
        query, key, value = mixed.view(batch, length, 3, self._num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key = _rotated(query, rotation), _rotated(key, rotation)
        if cache is not None:
            key, value = cache.extended(index, key, value)
        mask = _causal_mask(length, key.shape[2], hidden.device) if cache is not None and length > 1 else None
        attended = functional.scaled_dot_product_attention(
            query, key, value, mask, self._dropout if self.training else 0.0, is_causal=cache is None
        )
        hidden = hidden + self.drop(self.projection(attended.transpose(1, 2).reshape(batch, length, width)))
        result: Tensor = hidden + self.drop(self.shrink(functional.gelu(self.widen(self.norm_feed(hidden)))))
        return result


def _causal_mask(length: int, total: int, device: torch.device) -> Tensor:
    """Each new word sees everything held before it; ``(length, total)``."""
    return torch.ones(length, total, dtype=torch.bool, device=device).tril(total - length)


def _rotation(start: int, length: int, head_width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    frequency = ROTARY_BASE ** (-torch.arange(0, head_width, 2, device=like.device) / head_width)
    angle = torch.outer(torch.arange(start, start + length, device=like.device), frequency)
    return angle.cos(), angle.sin()


def _rotated(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = (part.to(states.dtype) for part in rotation)
    even, odd = states[..., 0::2], states[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding | nn.EmbeddingBag):
        nn.init.normal_(module.weight, std=0.02)


def load_music_transformer(folder: Path) -> MusicTransformer:
    """A checkpoint whose files match its ``SHA256SUMS``, in evaluation mode.

    Raises:
        CheckpointError: ``checkpoint.missing``, ``checkpoint.altered`` or ``checkpoint.malformed``.
    """
    verify_checksums(folder)
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = MusicTransformerConfig(**{**values, "attributes": tuple(values["attributes"])})
        model = MusicTransformer(config)
        tensors = {name: tensor.to(torch.float32) for name, tensor in load_file(folder / "model.safetensors").items()}
        model.load_state_dict(tensors)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError("checkpoint.malformed", f"checkpoint {folder.name!r} cannot be loaded; reinstall it") from error
    return model.eval()
