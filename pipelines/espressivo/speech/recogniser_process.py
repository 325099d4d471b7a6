"""The recogniser in a process of its own: decoding holds Python's lock, and in this process everything else would wait for it.

A question goes to the process as a line of JSON, followed by the sound that it is about; the answer comes back as a line of JSON.
The process loads next to nothing, and ends when nobody can ask any more, so that it outlives no caller.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import RenderError
from espressivo.speech.recogniser import Recogniser
from espressivo.speech.recognition import RecognisedUnit

__all__ = ["RecogniserProcess", "answer_questions"]

Samples = NDArray[np.float32]


class RecogniserProcess:
    """A :class:`Recogniser` that decodes in another process, for as long as the ``with`` block lasts; see it for the questions.

    One thread at a time may ask. Leaving the block ends the process, and a question that it is working on.

    Raises:
        RenderError: ``render.recogniser``, from every question: the process has ended.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "espressivo.speech.recogniser_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            process_group=0,  # Ctrl-C is for whoever asks
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.kill()
        self._process.communicate()

    def words(self, samples: Samples) -> list[RecognisedUnit]:
        """See :meth:`Recogniser.words`."""
        return _units(self._ask("words", samples))

    def aligned_words(self, samples: Samples, words: Sequence[str]) -> list[RecognisedUnit]:
        """See :meth:`Recogniser.aligned_words`."""
        return _units(self._ask("aligned_words", samples, list(words)))

    def aligned_phones(self, samples: Samples, labels: Sequence[str]) -> list[RecognisedUnit]:
        """See :meth:`Recogniser.aligned_phones`."""
        return _units(self._ask("aligned_phones", samples, list(labels)))

    def pronunciation(self, word: str) -> tuple[str, ...] | None:
        """See :meth:`Recogniser.pronunciation`."""
        found = self._ask("pronunciation", None, word)
        return None if found is None else tuple(found)

    def teach(self, word: str, phones: Sequence[str]) -> None:
        """See :meth:`Recogniser.teach`."""
        self._ask("teach", None, word, list(phones))

    def _ask(self, question: str, samples: Samples | None, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        sound = None if samples is None else samples.astype("<f4").tobytes()
        line = json.dumps([question, None if sound is None else len(sound), arguments])
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None and answers is not None  # noqa: S101, PT018 - both are pipes
        try:
            questions.write(line.encode() + b"\n" + (sound or b""))
            questions.flush()
            answer = answers.readline()
        except (OSError, ValueError):  # the pipe has broken, or was closed
            answer = b""
        if not answer.endswith(b"\n"):
            raise RenderError(
                "render.recogniser", f"the process that recognises speech ended (status {self._process.poll()}); try once more"
            )
        return json.loads(answer)


def _units(answer: list[list[Any]]) -> list[RecognisedUnit]:
    return [RecognisedUnit(*unit) for unit in answer]


def answer_questions(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end: the other side of :class:`RecogniserProcess`."""
    recogniser = Recogniser()
    while line := questions.readline():
        question, num_bytes, arguments = json.loads(line)
        sound = [] if num_bytes is None else [np.frombuffer(questions.read(num_bytes), "<f4")]
        answer = getattr(recogniser, question)(*sound, *arguments)
        answers.write(json.dumps(answer, default=astuple).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    answer_questions(sys.stdin.buffer, sys.stdout.buffer)
