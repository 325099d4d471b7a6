"""The figures of the regression subset: seconds of work on the bundled example from each topic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.intake import receive, think
from espressivo.emotion.plan import EmotionPlan
from espressivo.evaluation.emotion_plan import round_trip
from espressivo.evaluation.face_portraits import psnr
from espressivo.evaluation.motion_measures import correlation
from espressivo.evaluation.motion_subjects import FPS, Recording, lip_scores, read_recordings
from espressivo.evaluation.music_pieces import CENTRES, PIANO, plan_at
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.landmarks import FaceLandmarker
from espressivo.face.track import FacialActionTrack
from espressivo.media.image import load_image
from espressivo.motion.diffusion import DiffusionMotion
from espressivo.motion.procedural import ProceduralMotion
from espressivo.music.attributes import NoteTable, measure
from espressivo.music.compose import compose
from espressivo.render.renderer import PortraitRenderer, prepare_portrait
from espressivo.resources import example_path

__all__ = ["measured"]

PORTRAIT_SIZE: Final = 256
MUSIC_S: Final = 12.0
DURATION_TOLERANCE_S: Final = 0.05
# Pieces of each quadrant by composer: the rules vary more from seed to seed, and cost little.
NUM_PIECES: Final[dict[Literal["rules", "model"], int]] = {"rules": 4, "model": 1}


def measured(seed: int) -> dict[str, float]:
    """All figures of the subset, once.

    Args:
        seed: Of plans, motion and music; another one is another sample of the same measure.
    """
    stage = _Stage(seed)
    return {**dict(_emotion(seed)), **dict(_motion(stage)), **dict(_face(stage)), **dict(_music(seed))}


@dataclass(frozen=True)
class _Stage:
    """What motion and face share: the bundled recording, acted out."""

    seed: int

    @cached_property
    def recording(self) -> Recording:
        return read_recordings(None, 1)[0]

    def plan(self, emotion: str, intensity: float) -> EmotionPlan:
        duration_s = self.recording.aligned.duration_s
        return think(receive(emotion, None, duration_s=duration_s, intensity=intensity), seed=self.seed)

    def act(self, motion: ProceduralMotion | DiffusionMotion, emotion: str, intensity: float) -> FacialActionTrack:
        heard = self.recording.aligned
        plan = self.plan(emotion, intensity)
        return motion.generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=self.seed)


def _emotion(seed: int) -> Iterator[tuple[str, float]]:
    figure = round_trip([seed])
    assert figure.value is not None  # noqa: S101 - it needs no data
    yield "emotion.round_trip", figure.value


def _motion(stage: _Stage) -> Iterator[tuple[str, float]]:
    for name, motion in (("procedural", ProceduralMotion()), ("diffusion", DiffusionMotion.from_pretrained())):
        calm, mild, strong = (stage.act(motion, "joy", intensity) for intensity in (0.1, 0.5, 1.0))
        closures, lag_s, lips = lip_scores(calm, stage.recording.aligned)
        yield f"motion.{name}.closures_hit", float(np.mean(closures))
        yield f"motion.{name}.lag", 1000.0 * abs(lag_s)
        yield f"motion.{name}.lips_correlation", lips
        smiles = [float(np.mean(track.shape("mouthSmileLeft"))) for track in (calm, mild, strong)]
        yield f"motion.{name}.smile_grows", min(smiles[1] - smiles[0], smiles[2] - smiles[1])


def _face(stage: _Stage) -> Iterator[tuple[str, float]]:
    """The whole way to pixels, read by MediaPipe, which the renderer does not know."""
    renderer = PortraitRenderer.from_pretrained()
    portrait = renderer.fit(prepare_portrait(load_image(example_path("portrait.png")), PORTRAIT_SIZE))
    rest = renderer.frame(portrait, np.zeros(52, np.float32))
    yield "face.rest_psnr", psnr(rest, portrait.image)
    track = stage.act(ProceduralMotion(), "joy", 0.8)
    with FaceLandmarker() as reader:
        seen = [reader.detect(frame) for index, frame in enumerate(renderer.frames(portrait, track)) if index % 2 == 0]
        still = reader.detect(portrait.image)[0]
    yield "face.found", float(np.mean([len(faces) == 1 for faces in seen]))
    shown = np.array([faces[0].blendshapes if faces else still.blendshapes for faces in seen], np.float64)
    asked = track.weights[::2].astype(np.float64)
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft"):
        column = ARKIT_INDEX[name]
        yield f"face.{name}_read", correlation(shown[:, column], asked[:, column])


def _music(seed: int) -> Iterator[tuple[str, float]]:
    """Whether number of notes and mode go with the emotion, and whether notes stay in the scale, by both composers."""
    for writer, num in NUM_PIECES.items():
        settings = PIANO.model_copy(update={"composer": writer})
        points = np.repeat(np.array(list(CENTRES.values())), num, axis=0)
        rows: list[dict[str, float]] = []
        exact: list[bool] = []
        for index, (valence, arousal) in enumerate(points.tolist()):
            piece_seed = len(points) * seed + index
            score = compose(plan_at(valence, arousal, 0.0, MUSIC_S, piece_seed), seed=piece_seed, settings=settings)
            rows.append(measure(NoteTable.of_score(score)))
            exact.append(abs(score.duration_s - MUSIC_S) < DURATION_TOLERANCE_S)
        yield f"music.{writer}.exact_duration", float(np.mean(exact))
        yield f"music.{writer}.density_by_arousal", _contrast(rows, "notes_per_s", points[:, 1] > 0)
        yield f"music.{writer}.major_by_valence", _contrast(rows, "major_minus_minor", points[:, 0] > 0)
        yield f"music.{writer}.out_of_scale", float(np.mean([row["out_of_scale"] for row in rows]))


def _contrast(rows: list[dict[str, float]], name: str, is_high: NDArray[np.bool_]) -> float:
    """Mean of an attribute where the emotion is high on an axis, minus the mean where it is low."""
    values = np.array([row[name] for row in rows])
    return float(values[is_high].mean() - values[~is_high].mean())
