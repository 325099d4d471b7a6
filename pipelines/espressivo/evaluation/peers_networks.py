"""Networks of published peers, declared again at their published sizes **with random weights**, for speed and memory only.

Nothing here can be used to make anything: no weights of theirs are loaded and no code of theirs is used. Layers follow the
papers and the configurations that their authors publish; the numbers of parameters are held to the published ones by a test.

- LivePortrait (Guo et al., 2024, arXiv 2407.03168): warping module 45.5 M, generator 55 M parameters (table of speeds).
- Ditto (Li et al., 2025, arXiv 2411.19509): 8 layers, width 512, 8 heads, feed-forward 1024, FiLM and cross-attention,
  265 numbers a frame, windows of 80 frames, 50 steps offline and 10 online.
- JoyVASA (Cao et al., 2024, arXiv 2411.09209): 8 decoder layers, width 512, windows of 100 + 10 frames, 500 steps.
- EmoGen (Kang et al., 2023, arXiv 2307.01229): causal linear attention, 6 layers, width 512, 8 heads, feed-forward 2048, 458
  tokens; about 20 M parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EmoGenSized", "LivePortraitGenerator", "LivePortraitWarp", "MotionDenoiserSized", "num_parameters"]

KEY_POINTS: Final = 21
VOLUME: Final = (32, 16, 64, 64)  # channels, depth, height, width of the appearance volume


def num_parameters(network: nn.Module) -> int:
    """All parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


class _Spade(nn.Module):
    """Normalisation whose scale and shift are read off a feature map (Park et al., 2019)."""

    def __init__(self, channels: int, label_channels: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.shared = nn.Conv2d(label_channels, 128, 3, padding=1)
        self.scale = nn.Conv2d(128, channels, 3, padding=1)
        self.shift = nn.Conv2d(128, channels, 3, padding=1)

    def forward(self, features: Tensor, label: Tensor) -> Tensor:
        hidden = functional.relu(self.shared(functional.interpolate(label, features.shape[2:])))
        return self.norm(features) * (1 + self.scale(hidden)) + self.shift(hidden)  # type: ignore[no-any-return]


class _SpadeBlock(nn.Module):
    def __init__(self, channels: int, out: int, label_channels: int) -> None:
        super().__init__()
        middle = min(channels, out)
        self.norms = nn.ModuleList([_Spade(channels, label_channels), _Spade(middle, label_channels)])
        self.convolutions = nn.ModuleList([nn.Conv2d(channels, middle, 3, padding=1), nn.Conv2d(middle, out, 3, padding=1)])
        self.shortcut_norm = _Spade(channels, label_channels) if channels != out else None
        self.shortcut = nn.Conv2d(channels, out, 1, bias=False) if channels != out else None

    def forward(self, features: Tensor, label: Tensor) -> Tensor:
        kept = features
        if self.shortcut is not None and self.shortcut_norm is not None:
            kept = self.shortcut(self.shortcut_norm(features, label))
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            features = convolution(functional.leaky_relu(norm(features, label), 0.2))
        return kept + features


class LivePortraitGenerator(nn.Module):
    """Warped features ``(1, 256, 64, 64)`` to a picture of 256 (``upscale=1``) or 512 pixels (``upscale=2``)."""

    def __init__(self, upscale: int) -> None:
        super().__init__()
        self.upscale = upscale
        self.first = nn.Conv2d(256, 512, 3, padding=1)
        self.middle = nn.ModuleList([_SpadeBlock(512, 512, 256) for _ in range(6)])
        self.up = nn.ModuleList([_SpadeBlock(512, 256, 256), _SpadeBlock(256, 64, 256)])
        self.last = nn.Conv2d(64, 3 * upscale**2, 3, padding=1)

    def forward(self, label: Tensor) -> Tensor:
        """``(1, 256, 64, 64)`` to ``(1, 3, H, W)``."""
        features = self.first(label)
        for block in self.middle:
            features = block(features, label)
        for block in self.up:
            features = block(functional.interpolate(features, scale_factor=2), label)
        return torch.sigmoid(functional.pixel_shuffle(self.last(functional.leaky_relu(features, 0.2)), self.upscale))


def _volume_block(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(channels, out, 3, padding=1), nn.BatchNorm3d(out), nn.ReLU())


class LivePortraitWarp(nn.Module):
    """Appearance volume and key points to warped features: an hourglass in three dimensions, as in face-vid2vid."""

    def __init__(self) -> None:
        super().__init__()
        inside = (KEY_POINTS + 1) * 5
        down = [inside, 64, 128, 256, 512, 1024]
        self.compress = nn.Conv3d(VOLUME[0], 4, 1)
        self.down = nn.ModuleList([_volume_block(a, b) for a, b in itertools.pairwise(down)])
        up = [(1024, 512), (1024, 256), (512, 128), (256, 64), (128, 32)]  # but the first, beside what came down
        self.up = nn.ModuleList([_volume_block(a, b) for a, b in up])
        self.mask = nn.Conv3d(32 + inside, KEY_POINTS + 1, 7, padding=3)
        self.occlusion = nn.Conv2d((32 + inside) * VOLUME[1], 1, 7, padding=3)
        self.third = nn.Sequential(nn.Conv2d(VOLUME[0] * VOLUME[1], 256, 3, padding=1), nn.BatchNorm2d(256), nn.LeakyReLU())
        self.fourth = nn.Conv2d(256, 256, 1)

    def forward(self, volume: Tensor, flows: Tensor) -> Tensor:
        """``volume`` ``(1, 32, 16, 64, 64)``; ``flows`` ``(22, 16, 64, 64, 3)``: places to sample, a set for each key point."""
        moved = functional.grid_sample(self.compress(volume).expand(len(flows), -1, -1, -1, -1), flows, align_corners=False)
        heat = flows[..., :1].permute(0, 4, 1, 2, 3)
        features = torch.cat([heat, moved], dim=1).flatten(0, 1)[None]
        kept = [features]
        for block in self.down:
            kept.append(functional.avg_pool3d(block(kept[-1]), (1, 2, 2)))
        features = kept.pop()
        for block in self.up:
            features = torch.cat([block(functional.interpolate(features, scale_factor=(1, 2, 2))), kept.pop()], dim=1)
        weights = functional.softmax(self.mask(features), dim=1)
        place = (flows.permute(0, 4, 1, 2, 3) * weights[0][:, None]).sum(0).permute(1, 2, 3, 0)[None]
        occlusion = torch.sigmoid(self.occlusion(features.flatten(1, 2)))
        warped = functional.grid_sample(volume, place, align_corners=False).flatten(1, 2)
        return self.fourth(self.third(warped)) * occlusion  # type: ignore[no-any-return]


class _FilmLayer(nn.Module):
    """Self-attention, cross-attention to the audio, feed-forward, each modulated by the time step (EDGE, Tseng et al., 2023)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.crossed = nn.MultiheadAttention(width, heads, batch_first=True)
        self.forward_part = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.film = nn.ModuleList([nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width)) for _ in range(3)])

    def forward(self, state: Tensor, memory: Tensor, step: Tensor) -> Tensor:
        parts: tuple[Callable[[Tensor], Tensor], ...] = (
            lambda x: self.attention(x, x, x, need_weights=False)[0],
            lambda x: self.crossed(x, memory, memory, need_weights=False)[0],
            self.forward_part,
        )
        for norm, film, part in zip(self.norms, self.film, parts, strict=True):
            scale, shift = film(step)[:, None].chunk(2, dim=-1)
            state = state + (scale + 1) * part(norm(state)) + shift
        return state


class MotionDenoiserSized(nn.Module):
    """A denoiser of facial motion over one window, at Ditto's or JoyVASA's size.

    Args:
        numbers: Of a frame.
        hidden: Width of the feed-forward layers.
        audio: Features of a frame of speech (HuBERT large: 1,024, base: 768).
        film: Ditto's layers with FiLM, else plain decoder layers as in JoyVASA.
    """

    def __init__(self, *, numbers: int, hidden: int, audio: int, film: bool) -> None:
        super().__init__()
        width, heads = 512, 8
        self.enter, self.hear, self.leave = nn.Linear(numbers, width), nn.Linear(audio, width), nn.Linear(width, numbers)
        self.step = nn.Sequential(nn.Linear(width, width), nn.Mish(), nn.Linear(width, width))
        self.film = film
        self.layers = nn.ModuleList(
            [
                _FilmLayer(width, heads, hidden)
                if film
                else nn.TransformerDecoderLayer(width, heads, hidden, activation="gelu", batch_first=True)
                for _ in range(8)
            ]
        )

    def forward(self, noisy: Tensor, audio: Tensor, step: Tensor) -> Tensor:
        """``noisy`` ``(B, T, numbers)``, ``audio`` ``(B, T, audio)``, ``step`` ``(B, 512)`` embedded."""
        state, memory, time = self.enter(noisy), self.hear(audio), self.step(step)
        for layer in self.layers:
            state = layer(state, memory, time) if self.film else layer(state + time[:, None], memory)
        return self.leave(state)  # type: ignore[no-any-return]


class _LinearAttentionLayer(nn.Module):
    """Causal linear attention (Katharopoulos et al., 2020) as a recurrent step: constant work a token."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.forward_part = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, token: Tensor, memory: Tensor, total: Tensor) -> Tensor:
        query, key, value = self.mix(token).view(3, self.heads, -1)
        query, key = functional.elu(query) + 1, functional.elu(key) + 1
        memory += key[:, :, None] * value[:, None]
        total += key
        heard = torch.einsum("hk,hkv->hv", query, memory) / (query * total).sum(-1, keepdim=True)
        token = self.norms[0](token + self.out(heard.reshape(-1)))
        return self.norms[1](token + self.forward_part(token))  # type: ignore[no-any-return]


class EmoGenSized(nn.Module):
    """A token and a hundred attributes to the next token, one at a time."""

    WIDTH: Final = 512
    HEADS: Final = 8
    TOKENS: Final = 458
    ATTRIBUTES: Final = 100

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(self.TOKENS, self.WIDTH)
        self.condition = nn.Linear(self.ATTRIBUTES * 16, self.WIDTH)
        self.layers = nn.ModuleList([_LinearAttentionLayer(self.WIDTH, self.HEADS, 2048) for _ in range(6)])
        self.leave = nn.Linear(self.WIDTH, self.TOKENS)

    def generate(self, num_tokens: int, generator: torch.Generator) -> Tensor:
        """``(num_tokens,)`` drawn one after another."""
        side = self.WIDTH // self.HEADS
        memories = [torch.zeros(self.HEADS, side, side) for _ in self.layers]
        totals = [torch.zeros(self.HEADS, side) for _ in self.layers]
        asked = self.condition(torch.randn(self.ATTRIBUTES * 16, generator=generator))
        tokens = torch.zeros(num_tokens, dtype=torch.long)
        for index in range(1, num_tokens):
            state = self.embed(tokens[index - 1]) + asked
            for layer, memory, total in zip(self.layers, memories, totals, strict=True):
                state = layer(state, memory, total)
            tokens[index] = torch.multinomial(functional.softmax(self.leave(state), -1), 1, generator=generator)[0]
        return tokens
