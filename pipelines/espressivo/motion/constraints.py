"""What a viewer must see whatever blending and emotion did: lips meet on p, b and m, teeth on s, and nothing moves too fast.

Works at the frame rate of the result, so that what holds here holds in every frame that is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.motion.heard_lips import SoundShares
from espressivo.motion.lip_geometry import coefficient, lip_measure
from espressivo.motion.visemes import CONFIG, Gesture, Viseme
from espressivo.resources import load_config

__all__ = ["apply_constraints", "closure_window", "speed_limits"]

FloatArray = NDArray[np.float64]
NASALS = frozenset({"M", "N", "NG", "m", "n", "ŋ", "ɲ", "ɳ", "ɴ"})
PARTING_SHAPES = ("jawOpen", "mouthFunnel", "mouthLowerDown", "mouthUpperUp", "mouthShrugUpper")
CLOSING_SHAPES = ("mouthClose", "mouthPress", "mouthRollLower", "mouthShrugLower", "eyeBlink")
RESTING_KINDS = frozenset({"rest", "closed", "near_closed", "labiodental"})


@cache
def _columns(name: str) -> NDArray[np.intp]:
    return np.array([ARKIT_INDEX[side] for side in expand_sides(name)], dtype=np.intp)


def _settings(name: str) -> dict[str, Any]:
    settings: dict[str, Any] = load_config(CONFIG)["constraints"][name]
    return settings


def _window(times_s: FloatArray, start_s: float, end_s: float, ramp_in_s: float, ramp_out_s: float) -> tuple[slice, FloatArray]:
    """Frames that a constraint reaches, and how far it holds in each: 1 inside, raised cosines outside."""
    first, last = np.searchsorted(times_s, [start_s - ramp_in_s, end_s + ramp_out_s])
    near = times_s[first:last]
    before, after = np.maximum(0.0, start_s - near) / ramp_in_s, np.maximum(0.0, near - end_s) / ramp_out_s
    return slice(int(first), int(last)), 0.5 * (1.0 + np.cos(np.pi * np.clip(before + after, 0.0, 1.0)))


def closure_window(gesture: Gesture, times_s: FloatArray, frame_s: float) -> tuple[float, float]:
    """When the lips of p, b or m touch: from just before the acoustic closure to the burst, for at least one frame.

    Time that is missing is taken from the sound before, never from the burst; at the edges of the clip from what there is.
    """
    settings = _settings("closed")
    share = settings["released_share"].get(gesture.label.upper(), settings["released_share"]["other"])
    end_s = gesture.start_s + share * gesture.duration_s
    start_s = gesture.start_s - settings["lead_s"]
    start_s = min(start_s, end_s - max(settings["hold_s"], 1.05 * frame_s))
    return min(start_s, float(times_s[-1])), max(end_s, float(times_s[0]))


def _cap(weights: FloatArray, name: str, limit: float, strength: FloatArray) -> None:
    columns = _columns(name)
    values = weights[:, columns]
    weights[:, columns] = values + strength[:, None] * (np.minimum(values, limit) - values)


def _raise(weights: FloatArray, name: str, limit: float, strength: FloatArray) -> None:
    columns = _columns(name)
    values = weights[:, columns]
    weights[:, columns] = values + strength[:, None] * (np.maximum(values, limit) - values)


def _close(weights: FloatArray, strength: FloatArray, jaw_left: FloatArray) -> None:
    """Seal the lips where ``strength`` is 1: limit what opens them, then add as much mouthClose as the gap needs."""
    settings, seal = _settings("closed"), _settings("seal")
    for name, limit in settings["cap"].items():
        _cap(weights, name, limit, strength * jaw_left if name == "jawOpen" else strength)
    close, jaw = _columns("mouthClose")[0], _columns("jawOpen")[0]
    per_close = -coefficient("gap_cm", "mouthClose")
    missing = np.maximum(0.0, lip_measure(weights, "gap_cm") - settings["gap_cm"])
    most = np.maximum(weights[:, close], seal["per_jaw"] * weights[:, jaw] + seal["at_rest"])
    weights[:, close] = np.minimum(weights[:, close] + strength * missing / per_close, most)
    # Where the seal is not enough, the shapes that part the lips give way altogether, then the jaw.
    for name in ("mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthShrugUpper", "jawOpen"):
        missing = np.maximum(0.0, lip_measure(weights, "gap_cm") - settings["gap_cm"]) * (strength > 0.999)
        columns = _columns(name)
        present = weights[:, columns].mean(axis=1)
        share = np.minimum(1.0, missing / np.maximum(1e-9, coefficient("gap_cm", name) * present))
        weights[:, columns] *= (1.0 - share)[:, None]


def _labiodental(weights: FloatArray, strength: FloatArray, jaw_left: FloatArray, rounding_left: FloatArray) -> None:
    settings = _settings("labiodental")
    _cap(weights, "jawOpen", settings["jaw"], strength * jaw_left)
    _cap(weights, "mouthSmile", settings["smile"], strength)
    _cap(weights, "mouthFunnel", settings["jaw"], strength * rounding_left)
    _raise(weights, "mouthRollLower", settings["roll_lower"], strength)
    _raise(weights, "mouthUpperUp", settings["upper_up"], strength)


def _rounded(weights: FloatArray, strength: FloatArray, viseme: Viseme) -> None:
    settings = _settings("rounded")
    jaw_target = float(viseme.target[_columns("jawOpen")[0]])
    _cap(weights, "jawOpen", max(settings["least_jaw"], settings["jaw_over_target"] * jaw_target), strength)
    for name in ("mouthSmile", "mouthStretch", "mouthDimple"):
        weights[:, _columns(name)] *= (1.0 - settings["spread_loss"] * viseme.lips_dominance * strength)[:, None]
    missing = np.maximum(0.0, lip_measure(weights, "width_cm") - settings["width_cm"])
    pucker = _columns("mouthPucker")[0]
    weights[:, pucker] = np.minimum(1.0, weights[:, pucker] - strength * missing / coefficient("width_cm", "mouthPucker"))


def _open(weights: FloatArray, strength: FloatArray, gap_cm: float) -> None:
    jaw = _columns("jawOpen")[0]
    missing = np.maximum(0.0, gap_cm - lip_measure(weights, "gap_cm"))
    weights[:, jaw] = np.minimum(1.0, weights[:, jaw] + strength * missing / coefficient("gap_cm", "jawOpen"))


def _centred(gesture: Gesture) -> tuple[float, float]:
    return gesture.centre_s - 0.2 * gesture.duration_s, gesture.centre_s + 0.2 * gesture.duration_s


def _of_kind(sequence: Sequence[Gesture], *kinds: str) -> Iterator[Gesture]:
    return (gesture for gesture in sequence if gesture.viseme.kind in kinds)


def _seal_closures(
    weights: FloatArray, sequence: Sequence[Gesture], times_s: FloatArray, frame_s: float, by_sound: SoundShares
) -> None:
    settings = _settings("closed")
    for gesture in _of_kind(sequence, "closed"):
        frames, strength = _window(
            times_s, *closure_window(gesture, times_s, frame_s), settings["ramp_in_s"], settings["ramp_out_s"]
        )
        _close(weights[frames], strength, by_sound.jaw_left[frames])


def _shape_sounds(weights: FloatArray, sequence: Sequence[Gesture], times_s: FloatArray, by_sound: SoundShares) -> None:
    """Labiodentals, sibilants, rounded and stressed open vowels, in this order; jaw and rounding as far as they are left."""
    jaw_left, rounding_left = by_sound.jaw_left, by_sound.rounding_left
    for gesture in _of_kind(sequence, "labiodental"):
        ramp_s = _settings("labiodental")["ramp_s"]
        frames, strength = _window(times_s, *_centred(gesture), ramp_s, ramp_s)
        _labiodental(weights[frames], strength, jaw_left[frames], rounding_left[frames])
    for gesture in _of_kind(sequence, "sibilant", "sibilant_rounded"):
        ramp_s = _settings("sibilant")["ramp_s"]
        frames, strength = _window(times_s, gesture.start_s + 0.02, gesture.end_s - 0.02, ramp_s, ramp_s)
        _cap(weights[frames], "jawOpen", _settings("sibilant")["jaw"], strength * jaw_left[frames])
    for gesture in _of_kind(sequence, "rounded"):
        ramp_s = _settings("rounded")["ramp_s"]
        frames, strength = _window(times_s, *_centred(gesture), ramp_s, ramp_s)
        _rounded(weights[frames], strength * rounding_left[frames], gesture.viseme)
    for gesture in _of_kind(sequence, "open", "open_spread", "rounded_open"):
        if gesture.stress == 1 and gesture.duration_s > 0.06:
            ramp_s = _settings("open_stressed")["ramp_s"]
            frames, strength = _window(times_s, *_centred(gesture), ramp_s, ramp_s)
            _open(weights[frames], strength * jaw_left[frames], _settings("open_stressed")["gap_cm"])


def _show_tongue_only_between_lips(weights: FloatArray) -> None:
    tongue = _columns("tongueOut")[0]
    settings = _settings("dental")
    weights[:, tongue] *= np.clip(lip_measure(weights, "gap_cm") / settings["gap_cm"] - 0.5, 0.0, 1.0)


def _open_visibly(weights: FloatArray, sequence: Sequence[Gesture], times_s: FloatArray) -> None:
    """Every long enough sound that is neither closed nor nasal parts the lips somewhere."""
    settings = _settings("visible")
    for gesture in sequence:
        if gesture.viseme.kind in RESTING_KINDS or gesture.label in NASALS or gesture.duration_s < settings["shortest_s"]:
            continue
        inside = slice(*np.searchsorted(times_s, [gesture.start_s, gesture.end_s]))
        if inside.start < inside.stop and lip_measure(weights[inside], "gap_cm").max() <= settings["gap_cm"]:
            frames, strength = _window(times_s, gesture.centre_s, gesture.centre_s, settings["ramp_s"], settings["ramp_s"])
            _open(weights[frames], strength, 1.3 * settings["gap_cm"])


def _rest_in_silence(
    weights: FloatArray, sequence: Sequence[Gesture], times_s: FloatArray, jaw_at_rest: FloatArray, by_sound: SoundShares
) -> None:
    """In pauses the jaw keeps what emotion and breath ask for, and no remainder of speech that is not heard."""
    settings = _settings("silence")
    jaw = _columns("jawOpen")[0]
    for gesture in _of_kind(sequence, "rest"):
        if gesture.duration_s > settings["shortest_s"]:
            frames, strength = _window(times_s, gesture.start_s + 0.12, gesture.end_s - 0.12, 0.1, 0.1)
            limit = np.maximum(settings["jaw"], jaw_at_rest[frames])
            values = weights[frames, jaw]
            weights[frames, jaw] = values + strength * by_sound.jaw_left[frames] * (np.minimum(values, limit) - values)


@cache
def speed_limits() -> NDArray[np.float64]:
    """``(52,)`` largest change of each weight per second; gaze is free, for eyes jump within a frame."""
    limits = np.full(len(ARKIT_NAMES), np.inf)
    for name, limit in load_config(CONFIG)["speed_limits_per_s"]["of"].items():
        limits[_columns(name)] = limit
    limits.flags.writeable = False
    return limits


def _lower_envelope(values: FloatArray, step: FloatArray) -> FloatArray:
    """The largest curve below ``values`` that changes by at most ``step`` a frame."""
    result = values.copy()
    for index in range(1, len(result)):
        np.minimum(result[index], result[index - 1] + step, out=result[index])
    for index in range(len(result) - 2, -1, -1):
        np.minimum(result[index], result[index + 1] + step, out=result[index])
    return result


def limit_speed(weights: FloatArray, frame_s: float) -> FloatArray:
    """``(T, 52)`` within :func:`speed_limits`, without delay.

    What closes the mouth is reached in time and begins earlier (upper envelope), what parts the lips opens less instead of
    closing late (lower envelope), everything else takes the mean of the two: a closure stays closed.
    """
    limited = np.flatnonzero(np.isfinite(speed_limits()))
    step = speed_limits()[limited] * frame_s
    lower = _lower_envelope(weights[:, limited], step)
    upper = -_lower_envelope(-weights[:, limited], step)
    share = np.full(len(limited), 0.5)
    for names, value in ((PARTING_SHAPES, 0.0), (CLOSING_SHAPES, 1.0)):
        share[np.isin(limited, np.concatenate([_columns(name) for name in names]))] = value
    result = weights.copy()
    result[:, limited] = lower + share * (upper - lower)
    return result


def _seal_limits(weights: FloatArray) -> None:
    seal = _settings("seal")
    close, jaw = _columns("mouthClose")[0], _columns("jawOpen")[0]
    weights[:, close] = np.minimum(weights[:, close], seal["per_jaw"] * weights[:, jaw] + seal["at_rest"])
    for side in (0, 1):
        press, rolls = _columns("mouthPress")[side], [_columns("mouthRollLower")[0], _columns("mouthRollUpper")[0]]
        total = weights[:, press] + weights[:, rolls].sum(axis=1)
        weights[:, press] -= np.minimum(weights[:, press], np.maximum(0.0, total - 1.0))


def apply_constraints(
    weights: FloatArray,
    sequence: Sequence[Gesture],
    times_s: FloatArray,
    frame_s: float,
    jaw_at_rest: FloatArray,
    by_sound: SoundShares,
) -> FloatArray:
    """Make a blended mouth keep its promises.

    Args:
        weights: ``(T, 52)`` speech and emotion together.
        sequence: Gestures that tile the recording.
        times_s: ``(T,)`` moment that each frame shows.
        frame_s: Seconds between frames.
        jaw_at_rest: ``(T,)`` opening that is meant even where nobody speaks (emotion, breath).
        by_sound: Where phones were found by ear they are often wrong: jaw and rounding are enforced only as far as the sound
            has not decided them. Closures hold whatever was heard.

    Returns:
        ``(T, 52)`` in 0-1, at most as fast as :func:`speed_limits`; every p, b and m is closed in at least one frame.
    """
    result = np.clip(weights, 0.0, 1.0)
    _rest_in_silence(result, sequence, times_s, jaw_at_rest, by_sound)
    _seal_closures(result, sequence, times_s, frame_s, by_sound)
    _shape_sounds(result, sequence, times_s, by_sound)
    _open_visibly(result, sequence, times_s)
    _seal_closures(result, sequence, times_s, frame_s, by_sound)
    _show_tongue_only_between_lips(result)
    _seal_limits(result)
    return np.clip(limit_speed(result, frame_s), 0.0, 1.0)
