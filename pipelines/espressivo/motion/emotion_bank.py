"""Emotion as a mixture of learnt prototypes, and as a Gaussian read from a reference clip.

After DICE-Talk (arXiv 2504.18087) in its released form: a query attends over the entries of a bank; nothing but a mix of entries
reaches the denoiser, so related emotions share what they have in common. The embedder reads a clip into a Gaussian that is
pulled towards its emotion's own Gaussian, whoever shows it.

Legend: B batch, T frames, K faces of emotion, Z embedding, N entries, C channels, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BankOutput", "EmotionBank", "EmotionEmbedder", "gaussian_divergence"]


@dataclass(frozen=True, slots=True)
class BankOutput:
    """``tokens`` ``(B, T, C)`` and the scalar ``vq_loss`` that pulls entries to queries."""

    tokens: Tensor
    vq_loss: Tensor


class EmotionBank(nn.Module):
    """Attention over N learnt entries.

    The quantisation loss moves the entries to the queries only. With the usual commitment of queries to entries as well, all
    emotions collapsed into one entry within some thousand steps, for the denoiser could read them off the muscles.

    Args:
        embedding: Z, width of the query.
        channels: C, width of the result.
        entries: N; 0 passes the query on as it is (the ablation without a bank).
        heads: H.
    """

    def __init__(self, embedding: int, channels: int, entries: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Sequential(nn.Linear(embedding, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.entries = nn.Parameter(torch.randn(entries, channels))
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)

    def forward(self, embedding: Tensor) -> BankOutput:
        """Mix the entries for embeddings ``(B, T, Z)``; the zero vector is "no emotion given"."""
        query = self.query(embedding)  # (B, T, C)
        if len(self.entries) == 0:
            return BankOutput(self.value(query), query.new_zeros(()))
        batch, frames, channels = query.shape
        nearest = torch.cdist(query.detach().reshape(-1, channels).float(), self.entries.detach().float()).argmin(dim=-1)
        vq_loss = functional.mse_loss(self.entries[nearest].view_as(query).float(), query.detach().float())
        split = (batch, frames, self.heads, channels // self.heads)
        keys, values = (layer(self.entries).view(-1, self.heads, channels // self.heads) for layer in (self.key, self.value))
        scores = torch.einsum("bthc,nhc->bthn", query.view(split), keys) / (channels // self.heads) ** 0.5
        mixed = torch.einsum("bthn,nhc->bthc", torch.softmax(scores, dim=-1), values)
        return BankOutput(mixed.reshape(batch, frames, channels), vq_loss)


class EmotionEmbedder(nn.Module):
    """Statistics of a reference clip to a Gaussian over emotion embeddings, and the Gaussians of the K faces.

    Args:
        statistics: Width of the clip's statistics.
        faces: K.
        embedding: Z.
        width: Of the hidden layer.
    """

    def __init__(self, statistics: int, faces: int, embedding: int, width: int) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Linear(statistics, width), nn.SiLU(), nn.Linear(width, 2 * embedding))
        self.prior_mean = nn.Parameter(torch.randn(faces, embedding) * 0.5)
        self.prior_log_variance = nn.Parameter(torch.full((faces, embedding), -1.5))

    def forward(self, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance ``(B, Z)`` for statistics ``(B, S)``."""
        mean, log_variance = self.read(statistics).chunk(2, dim=-1)
        return mean, log_variance.clamp(-8.0, 4.0)

    def prior(self, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance ``(..., Z)`` of a mixture with the shares ``(..., K)`` (of intensity 1 or less)."""
        weights = shares / shares.sum(dim=-1, keepdim=True).clamp_min(1e-6)
        return shares @ self.prior_mean, weights @ self.prior_log_variance


def gaussian_divergence(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of two diagonal Gaussians ``(..., Z)``, summed over Z: ``(...)``."""
    ratio = (log_variance.exp() + (mean - prior_mean) ** 2) / prior_log_variance.exp()
    return (0.5 * (prior_log_variance - log_variance + ratio - 1.0)).sum(dim=-1)
