"""Emotion -> music: plan, score, MIDI, sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypedDict, Unpack, overload

from espressivo.emotion.intake import Emotion, receive, think
from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.media.atomic import atomic_outputs, write_bytes
from espressivo.media.audio import save_sound
from espressivo.media.clip import AudioClip
from espressivo.media.midi import save_midi
from espressivo.music.asked import AttributeRow
from espressivo.music.candidates import Candidate, Maker, Piece, compose_best
from espressivo.music.compose import MusicSettings
from espressivo.music.continuation import continue_piece, plan_as_heard
from espressivo.music.infilling import bars_duration_s, fill_bars, plan_for_bars
from espressivo.music.midi import load_score
from espressivo.music.musicxml import score_to_musicxml
from espressivo.music.notation import lead_sheet_abc
from espressivo.music.pictures import save_lead_sheet, save_piano_roll
from espressivo.music.reexpression import natural_duration_s, reexpress
from espressivo.music.score import Score
from espressivo.music.soundfont import load_soundfont
from espressivo.music.synthesis import synthesise
from espressivo.progress import CancelToken, ProgressCallback, StageTimer
from espressivo.provenance import Provenance, describe_run
from espressivo.seeds import HasInitialSeed, child_seed, resolve_seed

__all__ = ["MusicPipeline", "MusicPipelineOutput"]

MIN_DURATION_S = 1.0
MAX_DURATION_S = 1800.0


@dataclass(frozen=True, slots=True)
class MusicPipelineOutput:
    """What a run gives back.

    Attributes:
        plan: The chain of thought that was set to music.
        score: Notes, tempo, metre, chords.
        audio: The sound, ``None`` with ``output_type="score"``.
        attributes: Every attribute asked for beside what was achieved.
        candidates: All pieces that were composed, in order, one of them chosen.
        seed: The seed that was used; the same seed gives the same bytes.
        seconds: Time spent by stage.
        provenance: What the piece was made from and how.
    """

    plan: EmotionPlan
    score: Score
    audio: AudioClip | None
    attributes: tuple[AttributeRow, ...]
    candidates: tuple[Candidate, ...]
    seed: int
    seconds: dict[str, float]
    provenance: Provenance

    def save(
        self,
        *,
        midi_path: Path | None = None,
        wav_path: Path | None = None,
        musicxml_path: Path | None = None,
        abc_path: Path | None = None,
        roll_path: Path | None = None,
        sheet_path: Path | None = None,
    ) -> None:
        """Write the piece, marked as AI-generated; all files appear, or none.

        Args:
            midi_path: MIDI with markers for sections, chords and keys.
            wav_path: Sound, ``.wav`` or ``.flac``.
            musicxml_path: The whole score for notation programs (extra ``notation``).
            abc_path: Melody and chords in ABC notation.
            roll_path: Piano roll with the emotion's curve, ``.png`` or ``.svg``.
            sheet_path: Engraved lead sheet with the emotion's curve, ``.png`` or ``.svg`` (extra ``notation``).

        Raises:
            SettingError: ``setting.output_type`` when sound is asked for that was not made; ``setting.output_path`` for an
                unknown ending; ``setting.extra``.
            EncodeError: A file could not be written; existing files are untouched.
        """
        if wav_path is not None and self.audio is None:
            raise SettingError("setting.output_type", 'this run made no sound; call the pipeline with output_type="audio"')
        writers: list[tuple[Path | None, Callable[[Path], None]]] = [
            (midi_path, self._save_midi),
            (wav_path, self._save_sound),
            (musicxml_path, lambda path: write_bytes(path, score_to_musicxml(self.score))),
            (abc_path, lambda path: write_bytes(path, lead_sheet_abc(self.score).encode())),
            (roll_path, lambda path: save_piano_roll(path, self.score, self._plan_of_score(), self.provenance.metadata())),
            (sheet_path, lambda path: save_lead_sheet(path, self.score, self._plan_of_score(), self.provenance.metadata())),
        ]
        wanted = [(path, write) for path, write in writers if path is not None]
        if not wanted:
            return
        with atomic_outputs([path for path, _ in wanted]) as parts:
            for temporary, (_, write) in zip(parts, wanted, strict=True):
                write(temporary)

    def _plan_of_score(self) -> EmotionPlan | None:
        """The plan where it covers the whole score, not only new bars of a given piece."""
        return self.plan if abs(self.plan.duration_s - self.score.duration_s) < 0.01 else None

    def _save_midi(self, path: Path) -> None:
        save_midi(self.score.to_pretty_midi(), path, metadata=self.provenance.metadata())

    def _save_sound(self, path: Path) -> None:
        assert self.audio is not None  # noqa: S101 - save() looked
        save_sound(self.audio, path, metadata=self.provenance.metadata())


OutputType = Literal["audio", "score"]


class MusicOptions(TypedDict, total=False):
    """Keyword arguments that all ways of making music take; explained at :meth:`MusicPipeline.__call__`."""

    settings: MusicSettings | None
    best_of: int
    seed: int | None
    generator: HasInitialSeed | None
    output_type: OutputType
    soundfont: Path | None
    progress: ProgressCallback | None
    cancel: CancelToken | None


class ComposingOptions(MusicOptions, total=False):
    """Keyword arguments of :meth:`MusicPipeline.__call__`, for type checkers."""

    plan: EmotionPlan | Path | None
    intensity: float | None
    duration_s: float


class MusicPipeline:
    """Composes music for an emotion or a plan, and works on given pieces. One instance may serve several threads at once."""

    @classmethod
    def from_pretrained(cls) -> Self:
        """The rule composer needs no weights."""
        return cls()

    @overload
    def __call__(
        self, emotion: Emotion | None = None, *, return_dict: Literal[True] = True, **options: Unpack[ComposingOptions]
    ) -> MusicPipelineOutput: ...

    @overload
    def __call__(
        self, emotion: Emotion | None = None, *, return_dict: Literal[False], **options: Unpack[ComposingOptions]
    ) -> tuple[Score, AudioClip | None]: ...

    def __call__(
        self,
        emotion: Emotion | None = None,
        *,
        plan: EmotionPlan | Path | None = None,
        intensity: float | None = None,
        duration_s: float = 30.0,
        return_dict: bool = True,
        **options: Unpack[MusicOptions],
    ) -> MusicPipelineOutput | tuple[Score, AudioClip | None]:
        """Compose a piece of exactly ``duration_s``.

        Args:
            emotion: Words, a mixture, an arc, a sentence, or a request.
            plan: A finished plan (or its file) instead of ``emotion``; the piece follows its segments.
            intensity: 0-1, with ``emotion`` as words.
            duration_s: Length in seconds, 1 to 1,800; default 30.
            return_dict: ``False`` gives ``(score, audio)``.
            **options: ``settings`` (instruments, key, metre, chords, measured attributes and the like), ``best_of`` (compose so
                many and keep the nearest to what was asked, 1 to 64), ``seed`` (drawn if not given), ``generator`` (a
                ``torch.Generator`` whose seed is used instead), ``output_type`` (``"audio"`` renders sound too, ``"score"`` only
                composes), ``soundfont`` (a General MIDI .sf2 file), ``progress`` and ``cancel``.

        Raises:
            InputError: Something given cannot be used.
            Cancelled: ``cancel`` was set.
        """
        run = _Run(options)
        _check_duration(duration_s)
        thought = run.think(emotion, plan, duration_s=duration_s, intensity=intensity)
        result = run.finish(thought, None, {})
        return result if return_dict else (result.score, result.audio)

    def reexpress(
        self,
        given: Score | Path,
        emotion: Emotion | None = None,
        *,
        plan: EmotionPlan | Path | None = None,
        intensity: float | None = None,
        duration_s: float | None = None,
        **options: Unpack[MusicOptions],
    ) -> MusicPipelineOutput:
        """The same material in another emotion.

        Its bars, rhythms and melodic contour stay; mode, tempo, register, loudness, articulation, timing and instruments change.

        Args:
            given: A score or a MIDI file.
            emotion: As for composing.
            plan: As for composing.
            intensity: As for composing.
            duration_s: Length; ``None`` lets the piece be played once at the tempo of the new emotion.
            **options: As for composing.

        Raises:
            InputError: Something given cannot be used.
            Cancelled: ``cancel`` was set.
        """
        run = _Run(options)
        score = _loaded(given)
        if duration_s is None:
            rough = run.think(emotion, plan, duration_s=score.duration_s, intensity=intensity)
            tempo_bpm = run.settings.tempo_bpm or rough.segments[0].music.tempo_bpm
            duration_s = min(max(natural_duration_s(score, tempo_bpm), MIN_DURATION_S), MAX_DURATION_S)
        _check_duration(duration_s)
        thought = run.think(emotion, plan, duration_s=duration_s, intensity=intensity)

        def make(plan: EmotionPlan, seed: int) -> Piece:
            changed = reexpress(score, plan, seed=seed, settings=run.settings)
            return Piece(changed, changed)

        return run.finish(thought, make, {"given": score.to_midi_bytes()})

    def continue_piece(
        self,
        given: Score | Path,
        emotion: Emotion | None = None,
        *,
        plan: EmotionPlan | Path | None = None,
        intensity: float | None = None,
        duration_s: float = 16.0,
        **options: Unpack[MusicOptions],
    ) -> MusicPipelineOutput:
        """The given piece, unchanged, and ``duration_s`` of new music that goes on from it.

        Args:
            given: A score or a MIDI file.
            emotion: What the new part is to feel like; without it (and without a plan) the music goes on as it was.
            plan: As for composing.
            intensity: As for composing.
            duration_s: Length of the new part.
            **options: As for composing.

        Raises:
            InputError: Something given cannot be used.
            Cancelled: ``cancel`` was set.
        """
        run = _Run(options)
        score = _loaded(given)
        _check_duration(duration_s)
        if emotion is None and plan is None:
            thought = plan_as_heard(score, duration_s)
        else:
            thought = run.think(emotion, plan, duration_s=duration_s, intensity=intensity)

        def make(plan: EmotionPlan, seed: int) -> Piece:
            sequel = continue_piece(score, seed=seed, settings=run.settings, plan=plan)
            return Piece(sequel.score, sequel.tail)

        return run.finish(thought, make, {"given": score.to_midi_bytes()})

    def fill(
        self,
        given: Score | Path,
        bars: tuple[int, int],
        emotion: Emotion | None = None,
        *,
        plan: EmotionPlan | Path | None = None,
        intensity: float | None = None,
        **options: Unpack[MusicOptions],
    ) -> MusicPipelineOutput:
        """The given piece with some bars written anew.

        Args:
            given: A score or a MIDI file.
            bars: First and last bar, counted from 1.
            emotion: What the bars are to feel like; without it (and without a plan) they are like their neighbours.
            plan: As for composing, on a clock that begins with the bars.
            intensity: As for composing.
            **options: As for composing.

        Raises:
            InputError: Something given cannot be used.
            Cancelled: ``cancel`` was set.
        """
        run = _Run(options)
        score = _loaded(given)
        first, last = bars
        duration_s = bars_duration_s(score, first, last)
        if emotion is None and plan is None:
            thought = plan_for_bars(score, first, last)
        else:
            thought = run.think(emotion, plan, duration_s=duration_s, intensity=intensity)
        all_bars = score.bars()
        start, end = all_bars[first - 1][0], all_bars[last - 1][1]

        def make(plan: EmotionPlan, seed: int) -> Piece:
            filled = fill_bars(score, first, last, seed=seed, settings=run.settings, plan=plan)
            return Piece(filled, filled.excerpt(start, end))

        return run.finish(thought, make, {"given": score.to_midi_bytes()})


def _loaded(given: Score | Path) -> Score:
    return load_score(given) if isinstance(given, Path) else given


def _check_duration(duration_s: float) -> None:
    if not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
        raise SettingError(
            "setting.duration", f"duration is {duration_s} s; accepted: {MIN_DURATION_S:g} to {MAX_DURATION_S:g} s"
        )


class _Run:
    """One call: options that were checked, the clock of its stages, and what all ways of making music end with."""

    def __init__(self, options: MusicOptions) -> None:
        self.settings = options.get("settings") or MusicSettings()
        generator = options.get("generator")
        self.seed = resolve_seed(generator.initial_seed() if generator is not None else options.get("seed"))
        self._output_type = options.get("output_type", "audio")
        if self._output_type not in {"audio", "score"}:
            raise SettingError("setting.output_type", f"output_type is {self._output_type!r}; accepted: audio, score")
        self._soundfont = options.get("soundfont")
        if self._soundfont is not None:
            load_soundfont(self._soundfont)
        self._best_of = options.get("best_of", 1)
        self._cancel = options.get("cancel")
        self._timer = StageTimer(options.get("progress"), self._cancel)

    def think(
        self, emotion: Emotion | None, plan: EmotionPlan | Path | None, *, duration_s: float, intensity: float | None
    ) -> EmotionPlan:
        """The plan given, or one for the emotion."""
        with self._timer.stage("think"):
            asked = receive(emotion, plan, duration_s=duration_s, intensity=intensity)
            return think(asked, seed=child_seed(self.seed, "plan"))

    def finish(self, plan: EmotionPlan, make: Maker | None, inputs: dict[str, bytes]) -> MusicPipelineOutput:
        """Make the piece (``None``: compose it), play it, record how it came about."""
        with self._timer.stage("compose"):
            seed = child_seed(self.seed, "music")
            choice = compose_best(
                plan, seed=seed, settings=self.settings, num_candidates=self._best_of, make=make, cancel=self._cancel
            )
        audio = None
        if self._output_type == "audio":
            with self._timer.stage("play"):
                audio = synthesise(choice.score, soundfont=self._soundfont)
        provenance = describe_run(
            kind="music",
            seed=self.seed,
            inputs={"plan": plan.to_json(), "soundfont": self._soundfont, **inputs},
            settings=self.settings.model_dump(mode="json") | {"best_of": self._best_of},
            checkpoints=("music_pop909",) if self.settings.composer == "model" else (),
        )
        return MusicPipelineOutput(
            plan, choice.score, audio, choice.rows, choice.candidates, self.seed, self._timer.seconds, provenance
        )
