"""What plans must not do: move with who somebody is, obey a text, break on hostile input or on a bad server, be slow."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.llm_planner import plan_with_language_model
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.reading import read_text
from espressivo.emotion.request import EmotionRequest
from espressivo.errors import EmotionInputError
from espressivo.evaluation.emotion_plan import EXACT, peaks
from espressivo.evaluation.emotion_stub import GOOD_REPLY, Answer, StubServer, completion
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.resources import load_config

__all__ = ["hostile_texts", "measure_robustness"]


def measure_robustness() -> list[Figure]:
    """Figures that need no data."""
    return [_invariance(), _ambivalence(), _hostile(), _language_model(), *_speed()]


@cache
def _items() -> dict[str, Any]:
    items: dict[str, Any] = load_config("emotion/evaluation.yaml")
    return items


def _invariance() -> Figure:
    items = _items()
    pairs = [
        (story.format(one), story.format(other))
        for story in items["stories"]
        for one, other in (*items["people"], *items["genders"])
    ]
    pairs = [(one[0].upper() + one[1:], other[0].upper() + other[1:]) for one, other in pairs]
    pairs += [(story.format(one), story.format(other)) for story in items["origin_stories"] for one, other in items["origins"]]
    moved = [_distance(plan_emotion(EmotionRequest(text=one)), plan_emotion(EmotionRequest(text=other))) for one, other in pairs]
    worst = pairs[int(np.argmax(moved))]
    source = (
        f"largest change of any output over {len(pairs)} pairs that differ in name, gender, nationality, religion or orientation"
    )
    return Figure(
        "texts.invariance",
        float(max(moved)),
        "",
        "lower",
        0.01,
        None,
        {},
        f"{source}; worst: {worst[0]!r} / {worst[1]!r}; {EXACT}",
    )


def _distance(one: EmotionPlan, other: EmotionPlan) -> float:
    """Largest difference of levels, VAD, intensity, weights and music (relative to its ranges) on a common clock."""
    times = np.linspace(0.0, one.duration_s, 33)
    left, right = EmotionCurve(one).at(times), EmotionCurve(other).at(times)
    differences = [float(np.abs(left.vad - right.vad).max()), float(np.abs(left.intensity - right.intensity).max())]
    if len(one.segments) != len(other.segments):
        return 1.0
    for a, b in zip(one.segments, other.segments, strict=True):
        names = {*a.distribution, *b.distribution}
        differences += [abs(a.distribution.get(name, 0.0) - b.distribution.get(name, 0.0)) for name in names]
        differences.append(abs(a.music.tempo_bpm - b.music.tempo_bpm) / 180.0)
        differences.append(abs(a.music.velocity - b.music.velocity) / 127.0)
    units = {*peaks(one), *peaks(other)}
    differences += [abs(peaks(one).get(unit, 0.0) - peaks(other).get(unit, 0.0)) for unit in units]
    return max(differences)


def _ambivalence() -> Figure:
    items = _items()
    right = [float(read_text(text).discordance > 0) for text in items["ambivalent"]]
    right += [float(read_text(text).discordance == 0) for text in items["plain"]]
    source = f"{len(right)} sentences, half of two minds (above 0), half plain (0); written here, too few for more than a check"
    return Figure(
        "texts.ambivalence", float(np.mean(right)), "", "higher", None, bootstrap_interval(right), {"always plain": 0.5}, source
    )


def hostile_texts() -> list[str]:
    """Texts that try to be instructions, code, markup, or too much."""
    items = _items()
    invisible = [
        "j\u200bo\u200by\u200b",
        "\u202esad\u202c",
        "\ufeff\ufeff",
        "\u2060" * 500,
        "h\u0336a\u0336p\u0336p\u0336y\u0336",
        "\U000e0041",
        "\x00\x01",
    ]
    units = ("😂", "!", "a", "sad ", "🏳️\u200d🌈", "(", "not ", "ha", "\n", "é", "😭🔥", "{", "joy:")
    endless = [(unit * 2000)[:2000].strip() or "x" for unit in units]
    return [*items["hostile"], *items["foreign"], *invisible, *endless]


def _hostile() -> Figure:
    known = Ontology.load()
    verdicts = []
    worst_s = 0.0
    for text in hostile_texts():
        started = time.perf_counter()
        try:
            plan = plan_emotion(parse_emotion(text))
            sound = EmotionPlan.from_json(plan.to_json()) == plan and all(
                name in known for part in plan.segments for name in part.distribution
            )
            verdicts.append(float(sound and plan.planner == "rules"))
        except EmotionInputError:
            verdicts.append(1.0)
        worst_s = max(worst_s, time.perf_counter() - started)
    try:
        parse_emotion("😂" * 10_000)
        verdicts.append(0.0)
    except EmotionInputError as error:
        verdicts.append(float(error.code == "emotion.too_long"))
    source = f"{len(verdicts)} texts: a valid plan over known words or a typed error; slowest {worst_s * 1000:.0f} ms; {EXACT}"
    return Figure("texts.hostile_safe", float(np.mean(verdicts)), "", "higher", 1.0, None, {}, source)


def _language_model() -> Figure:
    """Every way of answering, replayed by a server on the loopback."""

    def slow(_handler: object, _body: object) -> Answer:
        time.sleep(0.8)
        return None, b""

    def picky(_handler: object, body: dict[str, dict[str, str]]) -> Answer:
        return completion(GOOD_REPLY) if body["response_format"]["type"] == "json_object" else (400, b"")

    wrong_enum = completion(GOOD_REPLY.replace('"joy"', '"zorblax"'))
    cases: dict[str, tuple[list[Answer | Callable[..., Answer]], str]] = {
        "good": ([completion(GOOD_REPLY)], "llm:json_schema"),
        "no schemas": ([picky], "llm:json_object"),
        "truncated, then good": ([completion(GOOD_REPLY[:300]), completion(GOOD_REPLY)], "llm:json_schema+repair"),
        "wrong word, then good": ([wrong_enum, completion(GOOD_REPLY)], "llm:json_schema+repair"),
        "prose, then good": ([completion("I feel glad."), completion(GOOD_REPLY)], "llm:json_schema+repair"),
        "busy, then good": ([(503, b""), completion(GOOD_REPLY)], "llm:json_schema"),
        "always wrong": ([wrong_enum], "rules"),
        "failing": ([(500, b"")], "rules"),
        "refusing": ([(401, b"")], "rules"),
        "no completion": ([(200, b"<html>")], "rules"),
        "slow": ([slow], "rules"),
    }
    request = parse_emotion("I can't believe we won!")
    kept, off = [], []
    for name, (answers, path) in cases.items():
        with StubServer(*answers) as stub:
            plan = plan_with_language_model(request, stub.settings(timeout_s=0.4 if name == "slow" else 5.0))
        valid = EmotionPlan.from_json(plan.to_json()) == plan and plan.planner == path
        kept.append(float(valid and (plan.fallback_reason is None) == (path != "rules")))
        off += [] if kept[-1] else [name]
    source = f"{len(cases)} ways of answering, a valid plan and its path recorded; failed: {', '.join(off) or 'none'}; {EXACT}"
    return Figure("llm.paths_kept", float(np.mean(kept)), "", "higher", 1.0, None, {}, source)


def _speed() -> list[Figure]:
    scene = (f"{_items()['scene']} " * 6)[:2000]
    plan_emotion(EmotionRequest(text=scene, duration_s=120.0))
    label = _timed(lambda: plan_emotion(parse_emotion("joy")), 40)
    long = _timed(lambda: plan_emotion(EmotionRequest(text=scene, duration_s=120.0)), 8)
    code = "import sys; from espressivo.emotion import read_text; read_text('I won!'); print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout  # noqa: S603 - our own code
    loaded = told.strip() == "True"
    return [
        Figure(
            "speed.label_ms",
            float(np.median(label)),
            "ms",
            "lower",
            20.0,
            _middle(label),
            {},
            "plan of a label after loading; median, interval: middle 95 % of runs",
        ),
        Figure(
            "speed.scene_ms",
            float(np.median(long)),
            "ms",
            "lower",
            200.0,
            _middle(long),
            {},
            "plan of a 2,000-character scene; median, interval: middle 95 % of runs",
        ),
        Figure(
            "speed.torch_imported", float(loaded), "", "lower", 0.0, None, {}, f"in a fresh process that plans a text; {EXACT}"
        ),
    ]


def _middle(times: list[float]) -> tuple[float, float]:
    low, high = np.percentile(times, [2.5, 97.5])
    return float(low), float(high)


def _timed(call: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(1000.0 * (time.perf_counter() - started))
    return times
