"""One measurement in a process of its own, so that its memory and its number of cores are its own.

``python -m espressivo.evaluation.peers_tasks TASK AMOUNT REPEATS`` prints JSON: of each run the seconds of output, wall and CPU
seconds; peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Final

from espressivo.provenance import ConsentBasis
from espressivo.resources import example_path

__all__ = ["TASKS"]

FPS: Final = 25
KIBIBYTE: Final = 1024
# Guidance doubles the work: with and without the condition, in one batch.
GUIDED: Final = 2
MEASURED_STEPS: Final = 10
# EmoGen's dictionary needs about so many tokens a note (position, pitch, duration, velocity; bars and tempo shared).
TOKENS_PER_NOTE: Final = 4.25
# Notes a second of EMOPIA's piano clips.
NOTES_PER_S: Final = 5.2

Work = Callable[[], float]
Made = Callable[[float], Work]


def _peer_frames(upscale: int) -> Made:
    """Warp and generate frames; appearance and motion are taken as given, encoding is left out on both sides."""

    def make(seconds: float) -> Work:
        import torch

        from espressivo.evaluation.peers_networks import KEY_POINTS, VOLUME, LivePortraitGenerator, LivePortraitWarp

        warp, generate = LivePortraitWarp().eval(), LivePortraitGenerator(upscale).eval()
        volume = torch.randn(1, *VOLUME)
        flows = torch.rand(KEY_POINTS + 1, *VOLUME[1:], 3) * 2 - 1
        num_frames = max(1, round(seconds * FPS))

        def work() -> float:
            with torch.inference_mode():
                for _ in range(num_frames):
                    generate(warp(volume, flows))
            return num_frames / FPS

        return work

    return make


def _our_frames(size: int) -> Made:
    def make(seconds: float) -> Work:
        from espressivo.settings import TalkSettings
        from espressivo.talking_head import TalkingHeadPipeline

        pipeline = TalkingHeadPipeline.from_pretrained()
        settings = TalkSettings(size=size, consent=ConsentBasis.SYNTHETIC_PERSON)
        portrait = example_path("portrait.png")
        talk = pipeline(portrait, emotion="joy", duration_s=seconds, settings=settings, seed=1, output_type="track")
        list(islice(pipeline.renderer.frames(talk.portrait, talk.track), 2))  # compiled now

        def work() -> float:
            return sum(1 for _ in pipeline.renderer.frames(talk.portrait, talk.track)) / FPS

        return work

    return make


def _peer_motion(*, window: int, fresh: int, steps: int, **network_options: Any) -> Made:  # noqa: ANN401 - the network has the types
    """Denoise windows. Of many steps only ten are run; they are alike, so the output counts for less instead."""

    def make(seconds: float) -> Work:
        import torch

        from espressivo.evaluation.peers_networks import MotionDenoiserSized

        network = MotionDenoiserSized(**network_options).eval()
        audio, numbers = network_options["audio"], network_options["numbers"]
        num_windows = max(1, round(seconds * FPS / fresh))

        def work() -> float:
            heard = torch.randn(GUIDED, window, audio)
            step = torch.randn(GUIDED, 512)
            with torch.inference_mode():
                for _ in range(num_windows):
                    state = torch.randn(GUIDED, window, numbers)
                    for _ in range(MEASURED_STEPS):
                        state = network(state, heard, step)
            return num_windows * fresh / FPS * MEASURED_STEPS / steps

        return work

    return make


def _our_motion(backend: str) -> Made:
    def make(seconds: float) -> Work:
        from fractions import Fraction

        from espressivo.emotion.intake import receive, think
        from espressivo.media.audio import load_audio
        from espressivo.media.clip import AudioClip
        from espressivo.motion.diffusion import DiffusionMotion
        from espressivo.motion.procedural import ProceduralMotion
        from espressivo.speech.analysis import analyse_speech

        clip = load_audio(example_path("speech.wav"))
        samples = clip.samples[:, : round(seconds * clip.sample_rate_hz)]
        clip = AudioClip(samples, clip.sample_rate_hz)
        heard = analyse_speech(clip)
        plan = think(receive("joy", None, duration_s=clip.duration_s))
        motion: Any = DiffusionMotion.from_pretrained() if backend == "diffusion" else ProceduralMotion()

        def work() -> float:
            track = motion.generate(plan, heard, duration_s=clip.duration_s, fps=Fraction(FPS), seed=1)
            return float(track.duration_s)

        return work

    return make


def _peer_music(seconds: float) -> Work:
    import torch

    from espressivo.evaluation.peers_networks import EmoGenSized

    network = EmoGenSized().eval()
    num_tokens = round(seconds * NOTES_PER_S * TOKENS_PER_NOTE)

    def work() -> float:
        with torch.inference_mode():
            network.generate(num_tokens, torch.Generator().manual_seed(1))
        return seconds

    return work


def _our_music(composer: str) -> Made:
    def make(seconds: float) -> Work:
        from espressivo.composition import MusicPipeline
        from espressivo.music.settings import MusicSettings

        pipeline = MusicPipeline.from_pretrained()
        settings = MusicSettings.model_validate({"composer": composer})

        def work() -> float:
            with tempfile.TemporaryDirectory() as folder:
                piece = pipeline("joy", duration_s=seconds, settings=settings, seed=1, output_type="score")
                piece.save(midi_path=Path(folder) / "piece.mid")
            return seconds

        work()  # models are loaded now
        return work

    return make


_DITTO: Final[dict[str, Any]] = {"window": 80, "fresh": 70, "numbers": 265, "hidden": 1024, "audio": 1024 + 35, "film": True}
_JOYVASA: Final[dict[str, Any]] = {"window": 110, "fresh": 100, "numbers": 70, "hidden": 2048, "audio": 768, "film": False}

TASKS: Final[dict[str, Made]] = {
    "render_256": _our_frames(256),
    "render_256_liveportrait_sized": _peer_frames(1),
    "render_512": _our_frames(512),
    "render_512_liveportrait_sized": _peer_frames(2),
    "motion_procedural": _our_motion("procedural"),
    "motion_diffusion": _our_motion("diffusion"),
    "motion_ditto_sized_50_steps": _peer_motion(steps=50, **_DITTO),
    "motion_ditto_sized_10_steps": _peer_motion(steps=10, **_DITTO),
    "motion_joyvasa_sized_500_steps": _peer_motion(steps=500, **_JOYVASA),
    "music_rules": _our_music("rules"),
    "music_model": _our_music("model"),
    "music_emogen_sized": _peer_music,
}


def _main(task: str, amount: float, repeats: int) -> None:
    work = TASKS[task](amount)
    runs = [_timed(work) for _ in range(repeats)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
    sys.stdout.write(json.dumps({"runs": runs, "peak_bytes": peak}))


def _timed(work: Work) -> dict[str, float]:
    started, cpu = time.perf_counter(), time.process_time()
    output_s = work()
    return {"output_s": output_s, "wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}


if __name__ == "__main__":
    _main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
