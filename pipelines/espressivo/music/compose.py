"""The way in: a plan becomes a score, by the composer that the settings name."""

from __future__ import annotations

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.music.composer_rules import compose_rules
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings

__all__ = ["MusicSettings", "compose"]


def compose(plan: EmotionPlan, *, seed: int, settings: MusicSettings) -> Score:
    """Set a plan to music; same plan, seed and settings, same score.

    Args:
        plan: The thought; sections follow its segments exactly. At most 30 minutes.
        seed: 0 or more.
        settings: Composer, instruments, key, metre and the like.

    Raises:
        SettingError: ``setting.duration``, ``setting.palette``, ``setting.chords`` or ``setting.style``.
        CheckpointError: With the learned composer, when its weights are missing, altered or malformed.
    """
    if settings.composer == "model":
        if settings.style is not None:
            raise SettingError("setting.style", "the learned composer has its own accompaniment; style is for composer 'rules'")
        from espressivo.music.composer_model import compose_model

        return compose_model(plan, seed=seed, settings=settings)
    return compose_rules(plan, seed=seed, settings=settings)
