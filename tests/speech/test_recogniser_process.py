"""The recogniser beside other work: the same answers from another process, which outlives nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from espressivo.errors import RenderError
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.resources import example_path
from espressivo.speech.analysis import analyse_speech, listening
from espressivo.speech.recogniser import Recogniser
from espressivo.speech.recogniser_process import RecogniserProcess


@pytest.fixture(scope="module")
def samples() -> NDArray[np.float32]:
    return load_audio(example_path("speech.wav")).mono(16_000)[: 16_000 * 2]


def is_gone(pid: int, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while Path(f"/proc/{pid}").exists() and ") Z " not in Path(f"/proc/{pid}/stat").read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_the_process_answers_as_the_recogniser_does(samples: NDArray[np.float32]) -> None:
    here = Recogniser()
    with RecogniserProcess() as there:
        for recogniser in (here, there):
            recogniser.teach("grmpf", ["G", "R", "AH", "M", "P", "F"])
        assert there.pronunciation("hello") == here.pronunciation("hello") is not None
        assert there.pronunciation("grmpf") == ("G", "R", "AH", "M", "P", "F")
        assert there.pronunciation("qqqqq") is None
        words = here.words(samples)
        assert len(words) > 2
        assert there.words(samples) == words
        spelt = [unit.label.split("(")[0] for unit in words]
        assert there.aligned_words(samples, spelt) == here.aligned_words(samples, spelt)
        phones = ["HH", "AH", "L", "OW"]
        assert there.aligned_phones(samples, phones) == here.aligned_phones(samples, phones)


def test_listening_beside_hears_the_same(samples: NDArray[np.float32]) -> None:
    clip = AudioClip(samples[None], 16_000)
    with listening(clip) as analysis:
        heard = analysis.result()
    alone = analyse_speech(clip)
    assert (heard.phones, heard.words, heard.accents, heard.method) == (alone.phones, alone.words, alone.accents, alone.method)


def test_leaving_the_block_gives_up_a_question_and_ends_the_process(samples: NDArray[np.float32]) -> None:
    clip = AudioClip(np.tile(samples, 10)[None], 16_000)
    started = time.monotonic()
    with listening(clip) as analysis:
        pass
    with pytest.raises(RenderError) as caught:
        analysis.result()
    assert caught.value.code == "render.recogniser"
    assert time.monotonic() - started < 2.5


def test_a_process_that_is_killed_is_an_error_of_ours(samples: NDArray[np.float32]) -> None:
    with RecogniserProcess() as recogniser:
        pid = recogniser._process.pid
        assert recogniser.pronunciation("hello")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(RenderError, match="ended"):
            recogniser.words(samples)
    assert is_gone(pid)


def test_the_process_ends_with_its_caller() -> None:
    code = (
        "import os, signal; from espressivo.speech.recogniser_process import RecogniserProcess as P; p = P();"
        "p.pronunciation('hello'); print(p._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert is_gone(int(done.stdout))


def test_ctrl_c_is_for_the_caller() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background ignores it
        "from espressivo.speech.recogniser_process import RecogniserProcess as P\n"
        "with P() as p:\n"
        "    try:\n"
        "        p.pronunciation('hello'); print(p._process.pid, flush=True); __import__('time').sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        print('asked again' if p.pronunciation('hello') else '')\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert caller.stdout is not None
    pid = int(caller.stdout.readline())
    os.killpg(caller.pid, signal.SIGINT)  # as a terminal does: to the group of whoever was started there
    assert caller.communicate(timeout=20)[0].strip() == "asked again"
    assert is_gone(pid)
