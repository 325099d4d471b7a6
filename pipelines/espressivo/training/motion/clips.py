"""Sets of filmed speakers, for those who have them: each clip tracked, heard, and written as the denoiser learns from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.errors import Cancelled, EspressivoError, SettingError, VideoInputError
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import MorphableHead
from espressivo.media.atomic import atomic_output, check_free_space
from espressivo.media.audio import load_audio
from espressivo.media.limits import MEBIBYTE
from espressivo.motion.gaze import line_of_sight
from espressivo.motion.state import (
    ACTION_DIM,
    GAZE_SCALE,
    MODEL_FPS,
    SOUND_DIM,
    STATE_DIM,
    Conditions,
    emotion_condition,
    emotion_faces,
    sound_condition,
    speech_condition,
    state_of,
)
from espressivo.render.performance import track_video
from espressivo.speech.analysis import analyse_speech
from espressivo.training.motion.dataset import Clip, join_clips, write_clips
from espressivo.training.motion.layouts import LAYOUTS, ClipLabel

__all__ = ["prepare_folder", "read_clip"]

BLINKS: Final = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def read_clip(path: Path, label: ClipLabel, *, head: MorphableHead | None = None, sound: Path | None = None) -> Clip:
    """Track and hear one clip.

    The muscles are what the clip shows, not what a plan asks for, so they are marked as not known; blinks and gaze are those
    of the track. Without sound the speech is marked as not known.

    Args:
        path: As for :func:`espressivo.track_video`.
        label: Who shows what.
        head: The morphable head; default: the bundled one.
        sound: What is said, where the clip itself is silent.

    Raises:
        VideoInputError: No face can be followed, or the clip cannot be read.
        AudioInputError: The sound cannot be decoded.
    """
    performance = track_video(path, head=head, fps=MODEL_FPS)
    track = performance.track
    recording = performance.speech
    if recording is None and sound is not None:
        recording = load_audio(sound).placed(0.0, track.duration_s)
    frames = len(track)
    times_s = (np.arange(frames, dtype=np.float64) + 0.5) / float(MODEL_FPS)
    speech = None if recording is None else analyse_speech(recording)
    heard, activity = speech_condition(speech, times_s)
    mel = np.zeros((frames, SOUND_DIM), np.float32)
    if speech is not None:
        mel = np.concatenate([sound_condition(speech, times_s), np.ones((frames, 1), np.float32)], axis=1)
    request = EmotionRequest(label=label.emotion, intensity=label.intensity, duration_s=max(1.0, track.duration_s))
    emotion = emotion_condition(plan_emotion(request), times_s)
    sight = line_of_sight(track.weights, track.head_rotation[:, :2])
    events = np.column_stack([track.weights[:, BLINKS].mean(axis=1), GAZE_SCALE * sight]).astype(np.float32)
    conditions = Conditions(heard, mel, emotion, np.zeros((frames, ACTION_DIM), np.float32), events, activity)
    known = np.array([speech is not None, True, False])
    face = int(emotion[:, : len(emotion_faces())].mean(axis=0).argmax())
    return Clip(state_of(track), conditions, np.ones(STATE_DIM, np.bool_), known, face, matched=True)


def prepare_folder(folder: Path, layout: str, output: Path) -> None:
    """Write the clips of a folder that can be tracked; name those that cannot, with the reason.

    Prints a line of JSON a clip, and one at the end. Clips come in the order of their people, so that those whom
    :class:`espressivo.training.motion.dataset.ClipSet` holds out are other people than most of those who are learnt from. Each
    tracked clip is kept in a folder beside the output, named as it but ending in ``.clips``; repeated, the command tracks only
    what is new or changed.

    Args:
        folder: The set, or a part of it.
        layout: One of :data:`espressivo.training.motion.layouts.LAYOUTS`.
        output: A safetensors file, read by ``ClipSet``.

    Raises:
        SettingError: ``setting.layout`` for an unknown layout or when no file is named as the layout says;
            ``setting.folder`` when there is no such folder.
        VideoInputError: ``video.none_usable`` when every clip was left out.
        EncodeError: The output cannot be written.
    """
    found = _labelled(folder, layout)
    check_free_space(output.absolute().parent, MEBIBYTE)
    work = output.with_suffix(".clips")
    work.mkdir(exist_ok=True)
    head = MorphableHead.from_pretrained()
    kept: list[Path] = []
    people = set()
    for path, label in found:
        name = path.relative_to(folder).as_posix()
        sound = _sound_beside(folder, path)
        cached = work / f"{_key(name, label, path, sound)}.safetensors"
        if cached.is_file():
            _say(clip=name, kept=True)
        else:
            try:
                clip = read_clip(path, label, head=head, sound=sound)
            except Cancelled:
                raise
            except EspressivoError as error:
                _say(clip=name, left_out=error.code, reason=error.message)
                continue
            with atomic_output(cached) as temporary:
                write_clips([clip], temporary)
            _say(clip=name, emotion=label.emotion, intensity=label.intensity, frames=len(clip.state), speech=bool(clip.known[0]))
        kept.append(cached)
        people.add(label.person)
    if not kept:
        raise VideoInputError("video.none_usable", f"none of the {len(found)} clips in {folder.name!r} can be used; see above")
    with atomic_output(output) as temporary:
        join_clips(kept, temporary)
    _say(clips=len(kept), left_out=len(found) - len(kept), people=len(people))


def _labelled(folder: Path, layout: str) -> list[tuple[Path, ClipLabel]]:
    """The clips of a folder, person by person."""
    if layout not in LAYOUTS:
        raise SettingError("setting.layout", f"layout is {layout!r}; accepted: {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise SettingError("setting.folder", f"there is no folder {folder.name!r} with clips")

    def read() -> Iterator[tuple[Path, ClipLabel]]:
        for path in folder.rglob("*"):
            label = LAYOUTS[layout](path.relative_to(folder))
            if label is not None and path.is_file():
                yield path, label

    found = sorted(read(), key=lambda item: (item[1].person, item[0]))
    if not found:
        raise SettingError("setting.layout", f"no file in {folder.name!r} is named as in {layout}; give the set's own folder")
    return found


def _sound_beside(folder: Path, path: Path) -> Path | None:
    """MEAD keeps the sound of ``P/video/VIEW/...`` in ``P/audio/...``."""
    parts = path.relative_to(folder).parts
    if "video" not in parts:
        return None
    at = parts.index("video")
    beside = folder.joinpath(*parts[:at], "audio", *parts[at + 2 :])
    return next((file for suffix in (".m4a", ".wav") if (file := beside.with_suffix(suffix)).is_file()), None)


def _key(name: str, label: ClipLabel, *files: Path | None) -> str:
    """Changes with the clip, its sound and its label."""
    stamps = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files if file is not None]
    return hashlib.sha256(json.dumps([name, label.emotion, label.intensity, stamps]).encode()).hexdigest()[:24]


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201 - progress of a command
