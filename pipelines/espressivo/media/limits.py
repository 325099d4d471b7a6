"""Every limit on what is read from a file, in one place.

A limit is checked on what the header claims before anything is allocated, and again on what decoding yields, because
headers lie. All values are engineering choices: generous for real portraits, speeches and pieces, small enough that a
hostile file costs neither much memory nor much time.
"""

from __future__ import annotations

from typing import Final

MEBIBYTE: Final = 1024 * 1024

# Pictures. 40 megapixels is above what phone cameras save by default; decoded they take 120 MB.
MAX_IMAGE_BYTES: Final = 128 * MEBIBYTE
MAX_IMAGE_PIXELS: Final = 40_000_000
MAX_IMAGE_SIDE: Final = 16_384
MIN_IMAGE_SIDE: Final = 16
# A progressive JPEG pays a pass over the whole picture for each scan, however few bytes the scan has; cameras write 10.
MAX_JPEG_SCANS: Final = 100
MAX_JPEG_SCANNED_PIXELS: Final = 12 * MAX_IMAGE_PIXELS
# Colour profiles of printers, with their tables, are below 3 MB.
MAX_ICC_BYTES: Final = 4 * MEBIBYTE

# Sound.
MAX_AUDIO_BYTES: Final = 1024 * MEBIBYTE
MIN_AUDIO_CHANNELS: Final = 1
MAX_AUDIO_CHANNELS: Final = 8
MIN_SAMPLE_RATE_HZ: Final = 8_000
MAX_SAMPLE_RATE_HZ: Final = 192_000
MIN_AUDIO_DURATION_S: Final = 0.1
DEFAULT_MAX_AUDIO_DURATION_S: Final = 120.0
# Samples times channels: half an hour of stereo at 48 kHz, 0.8 GB as float32.
MAX_AUDIO_VALUES: Final = 200_000_000
# Floating-point files may exceed full scale a little; integers stored as floats exceed it by far.
MAX_AUDIO_PEAK: Final = 64.0
# A sound whose loudest 50 ms stay below -60 dBFS holds no speech.
SILENCE_WINDOW_S: Final = 0.05
SILENCE_RMS: Final = 1e-3

# Video.
MAX_VIDEO_BYTES: Final = 2048 * MEBIBYTE
MAX_VIDEO_PIXELS: Final = 4096 * 2304
MIN_VIDEO_SIDE: Final = 16
MAX_VIDEO_DURATION_S: Final = 7200.0
DEFAULT_MAX_VIDEO_FRAMES: Final = 3_000
MIN_FPS: Final = 1
MAX_FPS: Final = 120

# MIDI. The event limit bounds the time of parsing; the tick limit bounds pretty_midi's table of tick times.
MAX_MIDI_BYTES: Final = 2 * MEBIBYTE
MAX_MIDI_TRACKS: Final = 64
MIN_TICKS_PER_QUARTER: Final = 24
MAX_TICKS_PER_QUARTER: Final = 32_767
MAX_MIDI_TICKS: Final = 10_000_000
MAX_MIDI_EVENTS: Final = 200_000
MAX_MIDI_NOTES: Final = 50_000
MAX_MIDI_DURATION_S: Final = 1800.0

# Metadata that is read back from a file, such as provenance.
MAX_METADATA_CHARACTERS: Final = 65_536
MAX_SIDECAR_BYTES: Final = MEBIBYTE
