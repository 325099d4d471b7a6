"""SoundFont 2.01 files: presets, zones and samples (E-mu Systems, SoundFont Technical Specification 2.01, 1998)."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import RenderError, SettingError

__all__ = ["SoundFont", "Zone", "bundled_soundfont_path", "load_soundfont"]

MAX_SOUNDFONT_BYTES = 512 * 1024 * 1024
DRUM_BANK = 128

START, END, LOOP_START, LOOP_END = 0, 1, 2, 3
START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE = 4, 12, 45, 50
FILTER_CENTS, PAN = 8, 17
DELAY, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE = 33, 34, 35, 36, 37, 38
KEY_TO_HOLD, KEY_TO_DECAY = 39, 40
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE = 41, 43, 44
ATTENUATION, COARSE_TUNE, FINE_TUNE, SAMPLE, SAMPLE_MODES, SCALE_TUNING, ROOT_KEY = 48, 51, 52, 53, 54, 56, 58
DEFAULTS = {
    FILTER_CENTS: 13500, DELAY: -12000, ATTACK: -12000, HOLD: -12000, DECAY: -12000, RELEASE: -12000,
    SCALE_TUNING: 100, ROOT_KEY: -1,
}  # fmt: skip
EMU_ATTENUATION = 0.4
"""E-mu's hardware, on which soundfonts were voiced, applied 0.4 of the attenuation written (as FluidSynth does)."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A sample and how it sounds over a range of keys and velocities; times in seconds, levels in dB.

    Attributes:
        samples: ``(N,)`` float32 from the sample's start.
        rate_hz: Rate at which it was recorded.
        root_key: MIDI pitch at which it plays at that rate, with fractions for tuning.
        semitones_per_key: 1 for pitched sounds.
        loop: First and end sample of the loop, or ``None``.
        cutoff_hz: Low-pass filter at full velocity.
        key_to_decay: Factor on hold and decay by which they shorten with each key above 60.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    samples: NDArray[np.float32]
    rate_hz: int
    root_key: float
    semitones_per_key: float
    loop: tuple[int, int] | None
    attenuation_db: float
    pan: float
    cutoff_hz: float
    delay_s: float
    attack_s: float
    hold_s: float
    decay_s: float
    sustain_db: float
    release_s: float
    key_to_decay: float


class SoundFont:
    """Presets of a soundfont; zones are built when a preset is first asked for."""

    def __init__(self, data: bytes) -> None:
        try:
            self._chunks = _chunks(data)
            self._presets = self._preset_bags()
        except (KeyError, struct.error, IndexError, ValueError) as error:
            raise SettingError("setting.soundfont", "not a readable SoundFont 2 file; give a .sf2 file") from error
        self._wave = np.frombuffer(self._chunks["smpl"], "<i2")
        self._zones: dict[tuple[int, int], tuple[Zone, ...]] = {}

    def zones(self, program: int, *, is_drum: bool = False) -> tuple[Zone, ...]:
        """Zones of a General MIDI program; a missing one is played by the piano."""
        wanted = (DRUM_BANK if is_drum else 0, 0 if is_drum else program)
        identity = wanted if wanted in self._presets else (wanted[0], 0)
        if identity not in self._presets:
            raise RenderError("render.soundfont", f"the soundfont has no preset {identity}; give a General MIDI soundfont")
        if identity not in self._zones:
            self._zones[identity] = tuple(self._build(identity))
        return self._zones[identity]

    def _preset_bags(self) -> dict[tuple[int, int], tuple[int, int]]:
        headers = list(struct.iter_unpack("<20sHHHIII", self._chunks["phdr"]))
        bags = pairwise(headers)
        return {(int(this[2]), int(this[1])): (int(this[3]), int(following[3])) for this, following in bags}

    def _generators(self, prefix: str, first_bag: int, end_bag: int) -> Iterator[dict[int, int]]:
        bags = list(struct.iter_unpack("<HH", self._chunks[f"{prefix}bag"][4 * first_bag : 4 * (end_bag + 1)]))
        table = self._chunks[f"{prefix}gen"]
        for (start, _), (end, _) in pairwise(bags):
            yield dict(struct.iter_unpack("<Hh", table[4 * start : 4 * end]))

    def _build(self, identity: tuple[int, int]) -> Iterator[Zone]:
        shared: dict[int, int] = {}
        for preset in self._generators("p", *self._presets[identity]):
            if INSTRUMENT not in preset:
                shared = preset
                continue
            yield from self._instrument_zones({**shared, **preset})

    def _instrument_zones(self, preset: dict[int, int]) -> Iterator[Zone]:
        headers = list(struct.iter_unpack("<20sH", self._chunks["inst"]))
        index = preset[INSTRUMENT]
        shared: dict[int, int] = {}
        for instrument in self._generators("i", headers[index][1], headers[index + 1][1]):
            if SAMPLE not in instrument:
                shared = instrument
                continue
            values = defaultdict(int, {**DEFAULTS, **shared, **instrument})
            keys = _overlap(values.get(KEY_RANGE), preset.get(KEY_RANGE))
            velocities = _overlap(values.get(VELOCITY_RANGE), preset.get(VELOCITY_RANGE))
            if keys[0] <= keys[1] and velocities[0] <= velocities[1]:
                added = (PAN, FILTER_CENTS, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE, ATTENUATION, COARSE_TUNE, FINE_TUNE)
                for generator in added:
                    values[generator] += preset.get(generator, 0)
                yield self._zone(values, keys, velocities)

    def _zone(self, values: dict[int, int], keys: tuple[int, int], velocities: tuple[int, int]) -> Zone:
        _, start, end, loop_start, loop_end, rate, root, correction, _, _ = struct.unpack(
            "<20sIIIIIBbHH", self._chunks["shdr"][46 * values[SAMPLE] : 46 * values[SAMPLE] + 46]
        )
        start += values[START] + 32768 * values[START_COARSE]
        end += values[END] + 32768 * values[END_COARSE]
        loop = (
            loop_start + values[LOOP_START] + 32768 * values[LOOP_START_COARSE] - start,
            loop_end + values[LOOP_END] + 32768 * values[LOOP_END_COARSE] - start,
        )
        loops = values[SAMPLE_MODES] & 1 and 0 <= loop[0] < loop[1] <= end - start
        root_key = root if values[ROOT_KEY] < 0 else values[ROOT_KEY]
        return Zone(
            keys=keys,
            velocities=velocities,
            samples=self._wave[start:end].astype(np.float32) / 32768.0,
            rate_hz=rate,
            root_key=root_key - values[COARSE_TUNE] - 0.01 * (values[FINE_TUNE] + correction),
            semitones_per_key=0.01 * values[SCALE_TUNING],
            loop=loop if loops else None,
            attenuation_db=0.1 * EMU_ATTENUATION * values[ATTENUATION],
            pan=float(np.clip(values[PAN] / 500.0, -1.0, 1.0)),
            cutoff_hz=8.176 * 2.0 ** (values[FILTER_CENTS] / 1200.0),
            delay_s=_timecents(values[DELAY]),
            attack_s=_timecents(values[ATTACK]),
            hold_s=_timecents(values[HOLD]),
            decay_s=_timecents(values[DECAY]),
            sustain_db=0.1 * min(max(values[SUSTAIN], 0), 1440),
            release_s=_timecents(values[RELEASE]),
            key_to_decay=2.0 ** (-values[KEY_TO_DECAY] / 1200.0),
        )


def _timecents(value: int) -> float:
    return 2.0 ** (value / 1200.0) if value > -12000 else 0.0


def _overlap(first: int | None, second: int | None) -> tuple[int, int]:
    """Common part of two ranges, each packed into a 16-bit generator value."""
    low, high = 0, 127
    for packed in (first, second):
        if packed is not None:
            low, high = max(low, packed & 0xFF), min(high, (packed >> 8) & 0xFF)
    return low, high


def _chunks(data: bytes) -> dict[str, bytes]:
    """Leaf chunks of the RIFF file by name."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        message = "no RIFF sfbk header"
        raise ValueError(message)
    found: dict[str, bytes] = {}
    pending = [(12, len(data))]
    while pending:
        position, limit = pending.pop()
        while position + 8 <= limit:
            name, size = data[position : position + 4].decode("latin1"), int(struct.unpack_from("<I", data, position + 4)[0])
            if name == "LIST":
                pending.append((position + 12, min(position + 8 + size, limit)))
            else:
                found[name] = data[position + 8 : position + 8 + size]
            position += 8 + size + size % 2
    return found


def bundled_soundfont_path() -> Path:
    """TimGM6mb.sf2 (Tim Brechbill, GPL-2), which comes inside the pretty_midi package.

    Raises:
        RenderError: ``render.soundfont`` when pretty_midi lacks it.
    """
    spec = find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise RenderError("render.soundfont", "the package pretty_midi is missing; reinstall espressivo")
    path = Path(spec.origin).parent / "TimGM6mb.sf2"
    if not path.is_file():
        raise RenderError("render.soundfont", "pretty_midi lacks TimGM6mb.sf2; reinstall it or name another soundfont")
    return path


@cache
def load_soundfont(path: Path) -> SoundFont:
    """Read a soundfont once.

    Raises:
        SettingError: ``setting.soundfont`` when the file cannot be read, is over 512 MB or is no SoundFont 2.
    """
    try:
        if path.stat().st_size > MAX_SOUNDFONT_BYTES:
            raise SettingError("setting.soundfont", f"soundfont {path.name} is over {MAX_SOUNDFONT_BYTES // 1024**2} MB")
        data = path.read_bytes()
    except OSError as error:
        raise SettingError("setting.soundfont", f"cannot read soundfont {path.name}: {error.__class__.__name__}") from error
    return SoundFont(data)
