"""Look at what was given before loading what works on it, so that bad input is answered within a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from espressivo.cli.options import Asked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from espressivo.media.clip import AudioClip
    from espressivo.settings import TalkSettings

__all__ = ["TalkInputs", "checked_inputs"]

# Only to check the emotion's form where the length is not known yet; the pipeline checks it against the true one.
LONGEST_S = 7200.0


@dataclass(frozen=True, slots=True)
class TalkInputs:
    """Decoded and checked: RGB portrait ``(H, W, 3)``, speech, and the speech that is listened to."""

    portrait: NDArray[np.uint8]
    speech: AudioClip | None
    listen: AudioClip | None


def checked_inputs(
    asked: Asked | None, portrait: Path, speech: Path | None, settings: TalkSettings, listen: Path | None = None
) -> TalkInputs:
    """Read the inputs of a talking head; ``asked`` is ``None`` where a performance drives it.

    Raises:
        InputError: The emotion, the picture, its face or the sound cannot be used.
    """
    from espressivo.emotion.intake import receive

    if asked is not None:
        receive(asked.emotion, asked.plan, duration_s=LONGEST_S, intensity=asked.intensity)
    from espressivo.media.image import load_image

    image = load_image(portrait)
    from espressivo.media.audio import load_audio

    clip, other = (load_audio(path, require_signal=True) if path is not None else None for path in (speech, listen))
    from espressivo.face.landmarks import find_single_face

    find_single_face(image, face=settings.face)
    return TalkInputs(image, clip, other)
