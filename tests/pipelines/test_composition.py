from itertools import pairwise

import pytest

from espressivo import MusicPipeline
from espressivo.errors import SettingError
from espressivo.media.audio import load_audio
from espressivo.media.midi import load_midi
from espressivo.provenance import verify_file


@pytest.fixture(scope="module")
def music():
    return MusicPipeline.from_pretrained()


def test_a_piece_is_composed_and_marked(music, tmp_path):
    piece = music("sadness", duration_s=12.0, seed=3)
    midi_path, wav_path = tmp_path / "piece.mid", tmp_path / "piece.wav"
    piece.save(midi_path=midi_path, wav_path=wav_path)
    notes = [note for part in load_midi(midi_path).instruments for note in part.notes]
    assert len(notes) > 10
    assert max(note.end for note in notes) <= 12.05
    assert load_audio(wav_path).duration_s == pytest.approx(12.0, abs=0.05)
    assert verify_file(midi_path).found
    assert verify_file(wav_path).found


def test_same_seed_same_bytes(music, tmp_path):
    paths = [tmp_path / f"{index}.mid" for index in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        music("joy", duration_s=8.0, seed=seed, output_type="score").save(midi_path=path)
    first, second, other = (path.read_bytes() for path in paths)
    assert first == second != other


def test_arousal_drives_tempo_and_loudness(music):
    plans = [music(emotion, duration_s=10.0, seed=1, output_type="score").plan for emotion in ("calm", "joy", "excitement")]
    tempi = [plan.segments[0].music.tempo_bpm for plan in plans]
    velocities = [plan.segments[0].music.velocity for plan in plans]
    assert all(slow < fast for slow, fast in pairwise(tempi))
    assert all(soft < loud for soft, loud in pairwise(velocities))


def test_what_cannot_be_done_is_said(music, tmp_path):
    with pytest.raises(SettingError, match="duration"):
        music("joy", duration_s=0.1)
    score_only = music("joy", duration_s=5.0, output_type="score", seed=1)
    with pytest.raises(SettingError, match="sound"):
        score_only.save(wav_path=tmp_path / "x.wav")
    assert not list(tmp_path.iterdir())
