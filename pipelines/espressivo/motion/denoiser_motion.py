"""The denoiser: a transformer over a window of motion, modulated frame by frame by what is asked for.

Legend: B batch, T frames of a window, D = 58 numbers of state, C channels, H heads; S, M, E, U, V widths of the conditions
speech, sound, emotion, actions and events.

It gives the clean, standardised state (``prediction_type="sample"``), as motion diffusion models do, because velocity and
smoothness losses then apply to what is meant. Inside it predicts the velocity of diffusion (Salimans & Ho 2022), from which the
clean state follows: what is already clean passes through, and all amounts of noise are learnt alike. The first frames of a
window can be given (``kept``): they continue what was generated before, and come out as they are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from espressivo.diffusers_core import ConfigMixin, ModelMixin, register_to_config
from espressivo.motion.emotion_bank import EmotionBank, EmotionEmbedder
from espressivo.motion.noise import make_scheduler
from espressivo.motion.state import STATE_DIM

__all__ = ["MotionDenoiser"]

SPEECH_KERNEL = 7


def timestep_features(timestep: Tensor, channels: int) -> Tensor:
    """``(B, C)`` sines and cosines of diffusion time (Vaswani et al. 2017, section 3.5)."""
    frequencies = torch.exp(torch.arange(channels // 2, device=timestep.device) * (-math.log(10_000.0) / (channels // 2)))
    angles = timestep.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class _Layer(nn.Module):
    """Attention and a feed-forward part, each shifted, scaled and gated by the frame's condition (Peebles & Xie 2023)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(channels, elementwise_affine=False)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.feed_norm = nn.LayerNorm(channels, elementwise_affine=False)
        self.feed = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.modulation = nn.Linear(channels, 6 * channels)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:  # both (B, T, C)
        batch, frames, channels = hidden.shape
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = self.modulation(condition).chunk(6, dim=-1)
        normed = self.attention_norm(hidden) * (1.0 + scale_a) + shift_a
        q, k, v = self.qkv(normed).view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # (B, H, T, C/H) each
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, frames, channels)
        hidden = hidden + gate_a * self.out(attended)
        normed = self.feed_norm(hidden) * (1.0 + scale_f) + shift_f
        fed: Tensor = gate_f * self.feed(normed)
        return hidden + fed


class MotionDenoiser(ModelMixin, ConfigMixin):  # type: ignore[misc, unused-ignore]
    """Noisy motion and conditions to clean motion.

    Args:
        speech_dim: Width of the speech condition.
        sound_dim: Width of the sound condition.
        emotion_dim: Width of the emotion condition: shares of the K faces, then four numbers.
        action_dim: Width of the action condition.
        event_dim: Width of the event condition.
        channels: C.
        num_layers: Transformer layers.
        num_heads: H.
        window: T, frames of a window.
        num_kept: Frames at the start of a window that may be given.
        bank_entries: Prototypes of the emotion bank.
        embedding: Width of an emotion embedding.
    """

    @register_to_config
    def __init__(
        self,
        speech_dim: int,
        sound_dim: int,
        emotion_dim: int,
        action_dim: int,
        event_dim: int,
        channels: int = 160,
        num_layers: int = 6,
        num_heads: int = 4,
        window: int = 90,
        num_kept: int = 10,
        bank_entries: int = 48,
        embedding: int = 32,
    ) -> None:
        super().__init__()
        self.channels, self.window, self.num_kept, self.num_faces = channels, window, num_kept, emotion_dim - 4
        # What standardises the state; learnt from the training set, not by gradient.
        self.register_buffer("state_mean", torch.zeros(STATE_DIM))
        self.register_buffer("state_scale", torch.ones(STATE_DIM))
        self.register_buffer("signal", make_scheduler().alphas_cumprod.sqrt(), persistent=False)
        self.state_in = nn.Linear(STATE_DIM + 1, channels)
        self.position = nn.Parameter(torch.randn(window, channels) * 0.02)
        self.time = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.speech_in = nn.Conv1d(speech_dim + sound_dim, channels, SPEECH_KERNEL, padding=SPEECH_KERNEL // 2)
        self.speech_out = nn.Linear(channels, channels)
        self.no_speech = nn.Parameter(torch.zeros(channels))
        self.embedder = EmotionEmbedder(2 * STATE_DIM, self.num_faces, embedding, 2 * channels)
        self.bank = EmotionBank(embedding + 4, channels, bank_entries, num_heads)
        self.actions_in = nn.Sequential(nn.Linear(action_dim, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.events_in = nn.Linear(event_dim, channels)
        self.no_actions = nn.Parameter(torch.zeros(channels))
        self.layers = nn.ModuleList(_Layer(channels, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)
        self.state_out = nn.Linear(channels, STATE_DIM)
        nn.init.zeros_(self.state_out.weight)
        nn.init.zeros_(self.state_out.bias)

    def standardise(self, state: Tensor) -> Tensor:
        """Motion ``(..., D)`` in the denoiser's units."""
        return (state - self.state_mean) / self.state_scale

    def restore(self, standardised: Tensor) -> Tensor:
        """Motion ``(..., D)`` in the track's units."""
        return standardised * self.state_scale + self.state_mean

    def embed_emotion(self, emotion: Tensor) -> Tensor:
        """Emotion conditions ``(B, T, E)`` as bank queries ``(B, T, Z + 4)``: mean of the faces' Gaussians, and VAD."""
        mean, _ = self.embedder.prior(emotion[..., : self.num_faces])
        return torch.cat([mean, emotion[..., self.num_faces :]], dim=-1)

    def condition(
        self,
        timestep: Tensor,
        speech: Tensor,
        sound: Tensor,
        embedding: Tensor,
        actions: Tensor,
        events: Tensor,
        has_speech: Tensor,
        has_emotion: Tensor,
        has_actions: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """``(B, T, C)`` that modulates every layer, and the bank's loss; arguments as in :meth:`forward`."""
        heard = self.speech_in(torch.cat([speech, sound], dim=-1).transpose(1, 2)).transpose(1, 2)
        heard = self.speech_out(functional.silu(heard))
        felt = self.bank(embedding * has_emotion[:, None, None])
        shown = self.actions_in(actions)
        heard = torch.where(has_speech[:, None, None] > 0.5, heard, self.no_speech.to(heard.dtype))
        shown = torch.where(has_actions[:, None, None] > 0.5, shown, self.no_actions.to(shown.dtype))
        when = self.time(timestep_features(timestep, self.channels))[:, None]
        return when + heard + felt.tokens + shown + self.events_in(events), felt.vq_loss

    def forward(
        self,
        sample: Tensor,
        kept: Tensor,
        timestep: Tensor,
        speech: Tensor,
        sound: Tensor,
        embedding: Tensor,
        actions: Tensor,
        events: Tensor,
        has_speech: Tensor,
        has_emotion: Tensor,
        has_actions: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Predict the clean window.

        Args:
            sample: ``(B, T, D)`` noisy standardised state; frames marked in ``kept`` hold clean state.
            kept: ``(B, T)`` 1 where a frame is given, else 0.
            timestep: ``(B,)`` diffusion time.
            speech: ``(B, T, S)``.
            sound: ``(B, T, M)``, goes with the speech.
            embedding: ``(B, T, Z + 4)`` of :meth:`embed_emotion`, or read from a reference clip.
            actions: ``(B, T, U)``.
            events: ``(B, T, V)``, always given.
            has_speech: ``(B,)`` 0 drops the condition.
            has_emotion: ``(B,)`` the same.
            has_actions: ``(B,)`` the same.

        Returns:
            Clean standardised state ``(B, T, D)`` and the bank's scalar loss.
        """
        condition, vq_loss = self.condition(
            timestep, speech, sound, embedding, actions, events, has_speech, has_emotion, has_actions
        )
        hidden = self.state_in(torch.cat([sample, kept[..., None]], dim=-1)) + self.position + condition
        modulation = functional.silu(condition)
        for layer in self.layers:
            hidden = layer(hidden, modulation)
        signal = self.signal[timestep][:, None, None]
        clean = signal * sample - (1.0 - signal**2).sqrt() * self.state_out(self.norm(hidden))
        return torch.where(kept[..., None] > 0.5, sample, clean), vq_loss
