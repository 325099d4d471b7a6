"""The learnt backend at tiny size: real classes, random weights."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.errors import CheckpointError, SettingError
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.media.clip import AudioClip
from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.diffusion import DiffusionMotion, joined
from espressivo.motion.imitation import read_reference
from espressivo.motion.lip_geometry import lip_measure
from espressivo.motion.sampler import num_windows
from espressivo.motion.state import ACTION_DIM, EVENT_DIM, SOUND_DIM, STATE_DIM, emotion_dim, speech_dim
from espressivo.pretrained import load_network, save_network
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.features import SAMPLE_RATE_HZ
from espressivo.speech.phones import Phone

FPS = Fraction(25)


def tiny_denoiser() -> MotionDenoiser:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        denoiser = MotionDenoiser(
            speech_dim(),
            SOUND_DIM,
            emotion_dim(),
            ACTION_DIM,
            EVENT_DIM,
            channels=16,
            num_layers=1,
            num_heads=2,
            window=30,
            num_kept=5,
            bank_entries=4,
        )
        torch.nn.init.normal_(denoiser.state_out.weight, std=0.2)
    denoiser.state_mean.fill_(0.1)
    denoiser.state_scale.fill_(0.1)
    return denoiser.eval()


@pytest.fixture(scope="module")
def motion() -> DiffusionMotion:
    return DiffusionMotion(tiny_denoiser())


@pytest.fixture(scope="module")
def plan():
    return plan_emotion(EmotionRequest(label="joy", intensity=0.8, duration_s=6.0))


@pytest.fixture(scope="module")
def speech(short_speech) -> SpeechAnalysis:
    from espressivo.speech.analysis import analyse_speech

    heard = analyse_speech(short_speech)
    return replace(heard, phones=(Phone("AA", 0.1, 0.3), Phone("M", 0.3, 0.45), Phone("AA", 0.45, 0.7), Phone("B", 0.7, 0.8)))


def perform(motion, plan, speech, seed=1, **options) -> FacialActionTrack:
    settings = {"duration_s": 4.3, "fps": FPS, "num_inference_steps": 2, **options}
    return motion.generate(plan, speech, seed=seed, **settings)


@pytest.mark.parametrize(
    ("fps", "duration_s"), [(Fraction(25), 0.02), (Fraction(30), 1.2), (Fraction(30000, 1001), 4.3), (Fraction(60), 2.0)]
)
def test_tracks_have_the_length_that_was_asked_for(motion, plan, fps, duration_s) -> None:
    track = perform(motion, plan, None, fps=fps, duration_s=duration_s)
    assert len(track) == num_frames(duration_s, fps)
    assert track.fps == fps


def test_the_same_seed_gives_the_same_bytes(motion, plan, speech) -> None:
    first, second, other = (perform(motion, plan, speech, seed=seed) for seed in (1, 1, 2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.head_rotation.tobytes() == second.head_rotation.tobytes()
    assert first.weights.tobytes() != other.weights.tobytes()


def test_two_threads_agree_with_serial_runs(motion, plan, speech) -> None:
    jobs = [(seed, steps) for seed in range(2) for steps in (2, 4)]
    serial = [perform(motion, plan, speech, seed=s, num_inference_steps=k).weights.tobytes() for s, k in jobs]
    with ThreadPoolExecutor(2) as pool:
        parallel = list(
            pool.map(lambda job: perform(motion, plan, speech, seed=job[0], num_inference_steps=job[1]).weights.tobytes(), jobs)
        )
    assert parallel == serial


def test_lips_close_on_bilabials_whatever_was_sampled(motion, plan, speech) -> None:
    track = perform(motion, plan, speech, emotion_scale=3.0, muscle_scale=3.0)
    gap_cm = lip_measure(track.weights, "gap_cm")
    times_s = (np.arange(len(track)) + 0.5) / 25
    for start_s, end_s in ((0.3, 0.45), (0.7, 0.8)):
        inside = (times_s > start_s - 0.03) & (times_s < end_s)
        assert gap_cm[inside].min() < 0.0


def test_pieces_do_not_depend_on_where_they_were_cut(plan, speech) -> None:
    denoiser = tiny_denoiser()
    whole = perform(DiffusionMotion(denoiser), plan, speech, duration_s=8.0, fps=Fraction(30))
    pieces = list(DiffusionMotion(denoiser).stream(plan, speech, duration_s=8.0, fps=Fraction(30), seed=1, num_inference_steps=2))
    assert len(pieces) > 3
    assert len(pieces[0]) < len(whole) / 2
    np.testing.assert_array_equal(np.concatenate([piece.weights for piece in pieces]), whole.weights)


@pytest.mark.parametrize("frames", [1, 29, 30, 31, 50, 51, 200])
def test_windows_cover_the_clip_and_no_more(frames) -> None:
    count = num_windows(frames, 30, 5)
    assert 20 * (count - 1) + 30 >= frames
    assert count == 1 or 20 * (count - 2) + 30 < frames


def arriving(samples: np.ndarray, pieces_s: float, taken: list[float]) -> Iterator[AudioClip]:
    size = int(pieces_s * SAMPLE_RATE_HZ)
    for start in range(0, len(samples), size):
        taken.append(min(len(samples), start + size) / SAMPLE_RATE_HZ)
        yield AudioClip(samples[None, start : start + size], SAMPLE_RATE_HZ)


def test_first_frames_come_before_the_speech_is_over(motion, plan, short_speech) -> None:
    samples = np.tile(short_speech.mono(SAMPLE_RATE_HZ), 5)
    taken: list[float] = []
    pieces = motion.stream_arriving(plan, arriving(samples, 0.25, taken), fps=Fraction(30), seed=1, num_inference_steps=1)
    first = next(pieces)
    assert len(first) > 0
    assert taken[-1] < 0.75 * len(samples) / SAMPLE_RATE_HZ
    whole = joined([first, *pieces])
    assert len(whole) == num_frames(len(samples) / SAMPLE_RATE_HZ, Fraction(30))
    speeds = np.abs(np.diff(whole.weights, axis=0)).max(axis=1)
    assert speeds.max() < 0.9


def test_the_same_arriving_speech_gives_the_same_bytes(motion, plan, short_speech) -> None:
    samples = np.tile(short_speech.mono(SAMPLE_RATE_HZ), 2)
    first, second = (
        joined(motion.stream_arriving(plan, arriving(samples, 0.5, []), fps=FPS, seed=1, num_inference_steps=1)) for _ in range(2)
    )
    assert first.weights.tobytes() == second.weights.tobytes()


def test_no_speech_gives_no_frames(motion, plan) -> None:
    assert list(motion.stream_arriving(plan, [], fps=FPS, seed=1)) == []


def test_head_and_gaze_can_be_stilled(motion, plan) -> None:
    track = perform(motion, plan, None, gaze_scale=0.0, head_scale=0.0)
    assert track.shape("eyeLookInLeft").max() == 0.0
    lively = perform(motion, plan, None)
    assert np.ptp(track.head_rotation[:, 1]) < np.ptp(lively.head_rotation[:, 1])


def test_steps_are_reported(motion, plan) -> None:
    seen = []
    perform(motion, plan, None, on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(k + 1, len(seen)) for k in range(len(seen))]


@pytest.mark.parametrize("options", [{"emotion_scale": 3.5}, {"speech_scale": -0.1}, {"num_inference_steps": 0}])
def test_settings_out_of_range_are_refused(motion, plan, options) -> None:
    with pytest.raises(SettingError):
        perform(motion, plan, None, **options)


def test_an_emotion_can_be_read_from_a_performance(motion, plan) -> None:
    reference = perform(motion, plan, None)
    assert read_reference(motion.denoiser, reference).shape == (36,)
    imitated = perform(motion, plan, None, reference=reference)
    assert imitated.weights.tobytes() != perform(motion, plan, None).weights.tobytes()


def _write_checksums(folder) -> None:
    import hashlib

    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(folder.iterdir()) if p.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_checkpoints_round_trip_and_refuse_missing_weights(tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    denoiser = tiny_denoiser()
    save_network(denoiser, tmp_path)
    _write_checksums(tmp_path)
    again = load_network(MotionDenoiser, tmp_path)
    for name, tensor in denoiser.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)
    weights = tmp_path / "diffusion_pytorch_model.safetensors"
    before = weights.read_bytes()
    save_network(again, tmp_path)
    assert weights.read_bytes() == before
    partial = load_file(weights)
    partial.pop("state_out.bias")
    save_file(partial, weights)
    with pytest.raises(CheckpointError, match="does not match"):
        load_network(MotionDenoiser, tmp_path)
    _write_checksums(tmp_path)
    with pytest.raises(CheckpointError) as refusal:
        load_network(MotionDenoiser, tmp_path)
    assert refusal.value.code == "checkpoint.mismatch"


def test_dropped_conditions_have_no_influence() -> None:
    denoiser = tiny_denoiser()
    generator = torch.Generator().manual_seed(1)
    sample, kept = torch.randn(1, 30, STATE_DIM, generator=generator), torch.zeros(1, 30)
    off, on = torch.zeros(1), torch.ones(1)
    torch.nn.init.normal_(denoiser.layers[0].modulation.weight, std=0.1)

    def predicted(scale: float, *given: torch.Tensor) -> torch.Tensor:
        conditions = [scale * torch.ones(1, 30, width) for width in (speech_dim(), SOUND_DIM, 36, ACTION_DIM)]
        with torch.inference_mode():
            return denoiser(sample, kept, torch.tensor([500]), *conditions, torch.zeros(1, 30, EVENT_DIM), *given)[0]

    torch.testing.assert_close(predicted(0.0, off, off, off), predicted(1.0, off, off, off))
    for given in ((on, off, off), (off, on, off), (off, off, on)):
        assert not torch.allclose(predicted(0.0, *given), predicted(1.0, *given))


def test_the_shipped_checkpoint_follows_speech(short_speech) -> None:
    from espressivo.evaluation.motion_measures import articulatory_target_cm, correlation
    from espressivo.speech.analysis import analyse_speech

    heard = analyse_speech(short_speech)
    plan = plan_emotion(EmotionRequest(label="neutral", duration_s=heard.duration_s))
    track = DiffusionMotion.from_pretrained().generate(plan, heard, duration_s=heard.duration_s, fps=FPS, seed=1)
    aperture_cm = np.maximum(0.0, lip_measure(track.weights, "gap_cm"))
    assert correlation(aperture_cm, articulatory_target_cm(heard.phones, track)) > 0.6
