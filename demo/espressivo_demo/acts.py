"""The acts behind the buttons. Typed errors become messages; everything else is a bug and stays one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.parse import parse_emotion, parse_keyframes
from espressivo.emotion.plan import EmotionPlan, save_plan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest, Personality
from espressivo.errors import Cancelled, EmotionInputError, EspressivoError, ImageInputError
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.music.pictures import piano_roll
from espressivo.music.settings import MusicSettings
from espressivo.progress import ProgressEvent
from espressivo.scene import SceneFiles
from espressivo.seeds import resolve_seed
from espressivo.settings import TalkSettings, validated
from espressivo.talking_head import film
from espressivo_demo.charts import performance_svg, timeline_svg
from espressivo_demo.editing import (
    action_rows,
    music_rows,
    segment_rows,
    thought_html,
    with_actions,
    with_music,
)
from espressivo_demo.studio import Studio, key_frames, plan_from_text, watched

__all__ = ["Acts"]

T = TypeVar("T")

NO_PLAN: Final = "Think first: say what is felt and press Think."
STAGE_WORDS: Final = {
    "read": "Looking at the portrait",
    "listen": "Listening",
    "think": "Thinking",
    "move": "Acting it out",
    "render": "Filming",
    "compose": "Composing",
    "play": "Playing",
    "mix": "Mixing",
    "write": "Writing",
}


def kindly(act: Callable[..., Any]) -> Callable[..., Any]:
    """Show typed errors as messages with their code."""
    if not _is_generator(act):

        @wraps(act)
        def plain(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the act takes
            try:
                return act(*args, **options)
            except EspressivoError as error:
                raise _message(error) from error

        return plain

    @wraps(act)
    def stepwise(*args: Any, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        try:
            yield from act(*args, **options)
        except EspressivoError as error:
            raise _message(error) from error

    return stepwise


def _is_generator(act: Callable[..., Any]) -> bool:
    from inspect import isgeneratorfunction

    return isgeneratorfunction(act)


def _message(error: EspressivoError) -> gr.Error:
    return gr.Error(f"{error.message} [{error.code}]", title="That did not work", duration=12, print_exception=False)


@dataclass(frozen=True)
class Acts:
    """Everything that a button does.

    Attributes:
        studio: The pipelines.
        max_speech_s: Longest speech accepted.
    """

    studio: Studio
    max_speech_s: float

    def think(self, words: str, intensity: float, duration_s: float, *traits: float) -> tuple[Any, ...]:
        """Words to a plan and everything that shows it."""
        if not words.strip():
            raise EmotionInputError("emotion.empty", "nothing was felt yet: write a word, a mixture or a sentence")
        names = tuple(Personality.model_fields)
        personality = Personality.model_validate(dict(zip(names, traits, strict=True)))
        request = parse_emotion(words, intensity=intensity, duration_s=duration_s, personality=personality)
        return self.shown(plan_emotion(request))

    def retime(self, rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        """The table of segments to a new plan."""
        text = ",".join(f"{float(row[0])}:{str(row[2]).strip()}@{float(row[3])}" for row in rows if str(row[2]).strip())
        duration_s = max(float(row[1]) for row in rows)
        return self.shown(plan_emotion(EmotionRequest(keyframes=parse_keyframes(text), duration_s=duration_s)))

    def edit_actions(self, plan_text: str, rows: Sequence[Sequence[Any]]) -> tuple[str, str]:
        """A changed action unit; everything else stays."""
        return self._edited(with_actions(_needed(plan_text), rows))

    def edit_music(self, plan_text: str, rows: Sequence[Sequence[Any]]) -> tuple[str, str]:
        """A changed musical attribute; everything else stays."""
        return self._edited(with_music(_needed(plan_text), rows))

    def _edited(self, plan: EmotionPlan) -> tuple[str, str]:
        return plan.to_json(), self._plan_file(plan)

    def load(self, path: str) -> tuple[Any, ...]:
        """A plan file."""
        return self.shown(EmotionPlan.from_json(Path(path).read_text(encoding="utf-8")))

    def shown(self, plan: EmotionPlan) -> tuple[Any, ...]:
        """The plan for every place that shows it."""
        return (
            plan.to_json(),
            timeline_svg(plan),
            thought_html(plan),
            segment_rows(plan),
            action_rows(plan),
            music_rows(plan),
            self._plan_file(plan),
        )

    def _plan_file(self, plan: EmotionPlan) -> str:
        path = self.studio.new_folder() / "plan.json"
        save_plan(plan, path)
        return str(path)

    def _heard(self, speech: str | None) -> AudioClip | None:
        return load_audio(Path(speech), max_duration_s=self.max_speech_s, require_signal=True) if speech else None

    def talk(
        self,
        plan_text: str,
        portrait: str | None,
        speech: str | None,
        transcript: str,
        seed: float | None,
        settings: dict[str, Any],
        progress: gr.Progress,
    ) -> Iterator[tuple[Any, ...]]:
        """Portrait + speech + plan: first a strip of key frames, then the film."""
        plan, folder, used_seed = _needed(plan_text), self.studio.new_folder(), _used_seed(seed)
        checked = validated(TalkSettings, settings)
        pipeline = self.studio.talking_head()
        clip = self._heard(speech)

        def prepare(report: Any, token: Any) -> Any:  # noqa: ANN401 - see watched
            return pipeline(
                Path(_given(portrait)), clip, plan=plan, transcript=transcript.strip() or None, settings=checked,
                seed=used_seed, output_type="frames", progress=report, cancel=token,
                duration_s=None if clip else plan.duration_s,
            )  # fmt: skip

        prepared = yield from _progressed(watched(prepare), progress)
        chart = performance_svg(prepared.track, clip)
        yield key_frames(pipeline, prepared), None, chart, used_seed, None
        path = folder / "talk.mp4"

        def shoot(report: Any, token: Any) -> None:  # noqa: ANN401 - see watched
            from espressivo.progress import StageTimer

            film(prepared.frames, prepared.track, clip, path, prepared.provenance, StageTimer(report, token))

        yield from _progressed(watched(shoot), progress)
        prepared.track.save(folder / "actions.safetensors")
        prepared.track.save_csv(folder / "actions.csv")
        files = [str(folder / name) for name in ("talk.mp4", "actions.safetensors", "actions.csv")]
        yield gr.skip(), str(path), chart, used_seed, files

    def compose(
        self, plan_text: str, duration_s: float, seed: float | None, settings: dict[str, Any], progress: gr.Progress
    ) -> Iterator[tuple[Any, ...]]:
        """Plan to music."""
        plan, folder, used_seed = _needed(plan_text), self.studio.new_folder(), _used_seed(seed)
        checked = validated(MusicSettings, settings)

        def work(report: Any, token: Any) -> Any:  # noqa: ANN401 - see watched
            return self.studio.music()(
                plan=plan, duration_s=duration_s, seed=used_seed, settings=checked, progress=report, cancel=token
            )

        piece = yield from _progressed(watched(work), progress)
        midi, wav = folder / "music.mid", folder / "music.wav"
        piece.save(midi_path=midi, wav_path=wav)
        yield piano_roll(piece.score, piece.plan), str(wav), used_seed, [str(midi), str(wav)]

    def scene(
        self,
        plan_text: str,
        portrait: str | None,
        speech: str | None,
        transcript: str,
        seed: float | None,
        settings: dict[str, Any],
        progress: gr.Progress,
    ) -> Iterator[tuple[Any, ...]]:
        """Both together."""
        plan, folder, used_seed = _needed(plan_text), self.studio.new_folder(), _used_seed(seed)
        checked = validated(TalkSettings, settings)
        clip = self._heard(speech)
        files = SceneFiles.in_folder(folder)
        pipeline = self.studio.scene()

        def work(report: Any, token: Any) -> Any:  # noqa: ANN401 - see watched
            return pipeline(
                Path(_given(portrait)), clip, files=files, plan=plan, transcript=transcript.strip() or None, settings=checked,
                duration_s=None if clip else plan.duration_s, seed=used_seed, progress=report, cancel=token,
            )  # fmt: skip

        result = yield from _progressed(watched(work), progress)
        roll = piano_roll(result.music.score, result.music.plan)
        yield str(files.scene), roll, used_seed, [str(path) for path in files.wanted()]

    def compare(
        self, portrait: str | None, words: Sequence[str], intensity: float, size: int, progress: gr.Progress
    ) -> Iterator[NDArray[np.uint8]]:
        """One portrait, many emotions at their height, in a grid."""
        from espressivo_demo.comparing import emotion_grid

        pipeline = self.studio.talking_head()

        def work(report: Any, token: Any) -> Any:  # noqa: ANN401 - see watched
            return emotion_grid(pipeline, Path(_given(portrait)), words, intensity, size, report, token)

        yield (yield from _progressed(watched(work), progress))


def _needed(plan_text: str) -> EmotionPlan:
    plan = plan_from_text(plan_text)
    if plan is None:
        raise EmotionInputError("emotion.no_plan", NO_PLAN)
    return plan


def _used_seed(asked: float | None) -> int:
    return resolve_seed(None if asked is None else int(asked))


def _given(portrait: str | None) -> str:
    if portrait is None:
        raise ImageInputError("image.missing", "there is no portrait yet: upload a picture of one face or take an example")
    return portrait


def _progressed(steps: Iterator[ProgressEvent | T], progress: gr.Progress) -> Generator[Any, None, T]:
    """Show progress; return the result. What it yields changes nothing, but gives the page its chance to stop."""
    for step in steps:
        if not isinstance(step, ProgressEvent):
            return step
        words = STAGE_WORDS.get(step.stage, step.stage)
        progress((step.done, step.total or None), desc=words, unit="frames" if step.total else "steps")
        yield gr.skip()
    raise Cancelled
