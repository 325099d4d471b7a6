"""A stand-in for a language-model server on the loopback, which answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from espressivo.emotion.llm_planner import LanguageModel

__all__ = ["GOOD_REPLY", "Answer", "StubServer", "completion"]

Answer = tuple[int | None, bytes]
"""HTTP status and body; without a status the handler has answered by itself."""

_SEGMENT: Final = {
    "start_percent": 0,
    "emotions": [{"name": "joy", "weight_percent": 80}, {"name": "surprise", "weight_percent": 20}],
    "intensity_percent": 80,
    "actions": [{"action_unit": 12, "side": "both", "level": "E"}, {"action_unit": 2, "side": "L", "level": "B"}],
    "music": {"tempo_bpm": 141, "mode": "lydian"},
}
_LATER: Final = _SEGMENT | {"start_percent": 60, "emotions": [{"name": "awe", "weight_percent": 100}], "actions": []}
_THOUGHTS: Final = [
    {"kind": "cause", "observation": "they won", "inference": "a long wait is over", "clue": "'we won'"},
    {"kind": "muscles", "observation": "joy bursts out", "inference": "zygomaticus major at its maximum", "clue": "'!'"},
]
GOOD_REPLY: Final = json.dumps({"steps": _THOUGHTS, "segments": [_SEGMENT, _LATER]})


def completion(text: str) -> Answer:
    """A reply of a model in the envelope of a chat completion."""
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


class StubServer:
    """Gives the answers one after the other, the last one for ever; a callable makes its answer from handler and request.

    Attributes:
        requests: Bodies that were received.
        headers: Their headers.
    """

    def __init__(self, *answers: Answer | Callable[[BaseHTTPRequestHandler, Any], Answer]) -> None:
        self.answers = list(answers)
        self.requests: list[Any] = []
        self.headers: list[dict[str, str]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Send the next answer."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.requests.append(body)
        self.headers.append(dict(handler.headers))
        following = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, payload = following(handler, body) if callable(following) else following
        if status is None:
            return
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    def settings(self, **changes: object) -> LanguageModel:
        """Settings that lead to this server."""
        endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        return LanguageModel.checked(**{"endpoint": endpoint, "model": "stub", "timeout_s": 5.0} | changes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
