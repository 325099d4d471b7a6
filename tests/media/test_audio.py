import io
import struct
import time
import tracemalloc
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from espressivo.errors import AudioInputError
from espressivo.media.audio import inspect_audio, load_audio, save_wav
from espressivo.media.clip import AudioClip
from espressivo.media.metadata import read_metadata

Tone = Callable[..., AudioClip]


def write_with(codec: str, path: Path, clip: AudioClip) -> None:
    """Encode with FFmpeg, as other programs do."""
    layout = {1: "mono", 2: "stereo"}[len(clip.samples)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=clip.sample_rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(clip.samples, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = clip.sample_rate_hz, 0, Fraction(1, clip.sample_rate_hz)
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=clip.sample_rate_hz, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def float_wav(path: Path, samples: np.ndarray, sample_rate_hz: int = 16_000) -> None:
    data = samples.astype("<f4").tobytes()
    header = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, sample_rate_hz, sample_rate_hz * 4, 4, 32
    )
    path.write_bytes(header + struct.pack("<4sI", b"data", len(data)) + data)


def shift(clip: AudioClip, other: AudioClip) -> int:
    """Samples by which ``other`` comes later, from the steepest rise of energy."""
    rise = [int(np.argmax(np.abs(sound.mono(48_000)[:48_000]) > 0.2)) for sound in (clip, other)]
    return rise[1] - rise[0]


@given(
    samples=arrays.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1600, 2000)), elements=st.floats(-1, 1, width=32)),
    rate=st.sampled_from([8_000, 11_025, 16_000]),
)
def test_wav_round_trip(samples: np.ndarray, rate: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    save_wav(AudioClip(samples, rate), path)
    again = load_audio(path)
    assert again.sample_rate_hz == rate
    assert again.samples.shape == samples.shape
    assert np.abs(again.samples - samples).max() <= 1.01 / 32767 + 1 / 32768


def test_wav_is_plain_and_stable(tone: Tone, tmp_path: Path) -> None:
    metadata = {"comment": "AI-generated music.", "digital_source_type": "http://x/y", "espressivo": '{"seed":1}'}
    for name in ("a.wav", "b.wav"):
        save_wav(tone(channels=2), tmp_path / name, metadata)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (2, 2, 48_000, 48_000)
    fields = read_metadata(tmp_path / "a.wav").fields
    assert {key: fields[key] for key in metadata} == metadata


def test_values_beyond_full_scale_are_clipped_not_wrapped(tmp_path: Path) -> None:
    save_wav(AudioClip(np.array([[2.0, -2.0] * 800], np.float32), 8_000), tmp_path / "a.wav")
    samples = load_audio(tmp_path / "a.wav").samples
    assert samples.max() > 0.99
    assert samples.min() == -1.0


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.flac", "flac"), ("a.ogg", "libopus"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.webm", "libopus")],
)
def test_formats_keep_their_timing(name: str, codec: str, tone: Tone, tmp_path: Path) -> None:
    clip = tone(1.5, channels=2)
    write_with(codec, tmp_path / name, clip)
    decoded = load_audio(tmp_path / name)
    assert decoded.samples.shape == clip.samples.shape
    assert abs(shift(clip, decoded)) < 48  # a millisecond


def test_raw_aac_is_read(tone: Tone, tmp_path: Path) -> None:
    write_with("aac", tmp_path / "a.aac", tone())
    assert abs(load_audio(tmp_path / "a.aac").duration_s - 1) < 0.1


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_integer_widths(width: int, tmp_path: Path) -> None:
    wanted = np.sin(np.arange(4000) * 0.1) * 0.5
    scale, offset = 2.0 ** (8 * width - 1), 128 if width == 1 else 0
    values = np.round(wanted * scale).astype("<i8") + offset
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(16_000)
        file.writeframes(b"".join(int(v).to_bytes(8, "little", signed=True)[:width] for v in values))
    assert np.abs(load_audio(tmp_path / "a.wav").samples[0] - wanted).max() <= max(1 / scale, 1e-7)


def test_report_of_a_healthy_and_an_ill_recording() -> None:
    t = np.arange(16_000) / 16_000
    healthy = inspect_audio(AudioClip((0.5 * np.sin(2 * np.pi * 200 * t))[None].astype(np.float32), 16_000))
    assert healthy.peak == pytest.approx(0.5, abs=1e-3)
    assert healthy.rms == pytest.approx(0.5 / np.sqrt(2), abs=1e-3)
    assert abs(healthy.dc_offset) < 1e-6
    assert healthy.clipped_fraction == 0
    assert not healthy.is_silent
    ill = inspect_audio(AudioClip(np.clip(3 * np.sin(2 * np.pi * 200 * t) + 0.3, -1, 1)[None].astype(np.float32), 16_000))
    assert ill.clipped_fraction > 0.5
    assert ill.dc_offset > 0.05


def test_a_word_in_a_long_silence_is_a_signal() -> None:
    samples = np.zeros((1, 160_000), np.float32)
    samples[0, 80_000:81_600] = 0.01
    assert not inspect_audio(AudioClip(samples, 16_000)).is_silent


def test_silence_is_refused_only_where_a_signal_is_needed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save_wav(AudioClip(rng.normal(0, 1e-4, (1, 16_000)).astype(np.float32), 16_000), tmp_path / "hiss.wav")
    assert inspect_audio(load_audio(tmp_path / "hiss.wav")).is_silent
    with pytest.raises(AudioInputError, match="silent") as caught:
        load_audio(tmp_path / "hiss.wav", require_signal=True)
    assert caught.value.code == "audio.silent"


@pytest.mark.parametrize(
    ("value", "code"), [(np.nan, "audio.not_finite"), (np.inf, "audio.not_finite"), (20_000.0, "audio.out_of_range")]
)
def test_floats_that_are_no_sound(value: float, code: str, tmp_path: Path) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[100] = value
    float_wav(tmp_path / "a.wav", samples)
    with pytest.raises(AudioInputError) as caught:
        load_audio(tmp_path / "a.wav")
    assert caught.value.code == code


def pcm_header(channels: int, sample_rate_hz: int, data_bytes: int) -> bytes:
    frame = channels * 2
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + data_bytes & 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, channels, sample_rate_hz,
        sample_rate_hz * frame & 0xFFFFFFFF, frame & 0xFFFF, 16, b"data", data_bytes & 0xFFFFFFFF,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", {"audio.empty"}),
        (b"<!doctype html><html></html>", {"audio.format"}),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", {"audio.format"}),
        (b"ffconcat version 1.0\nfile a.wav\n", {"audio.format"}),
        (b"RIFF\0\0\0\0WAVE", {"audio.malformed", "audio.no_sound"}),
        (b"fLaC" + bytes(100), {"audio.malformed", "audio.no_sound", "audio.channels"}),
        (b"OggS" + bytes(100), {"audio.malformed", "audio.no_sound"}),
        (b"ID3" + bytes(100), {"audio.malformed", "audio.no_sound"}),
        (b"\0\0\0\x20ftypisom" + bytes(100), {"audio.malformed", "audio.no_sound"}),
        (pcm_header(1000, 44_100, 200_000) + bytes(200_000), {"audio.channels", "audio.malformed"}),
        (pcm_header(9, 44_100, 180_000) + bytes(180_000), {"audio.channels"}),
        (pcm_header(0, 44_100, 1000) + bytes(1000), {"audio.channels", "audio.malformed"}),
        (pcm_header(1, 0, 1000) + bytes(1000), {"audio.sample_rate", "audio.malformed"}),
        (pcm_header(1, 7_999, 100_000) + bytes(100_000), {"audio.sample_rate"}),
        (pcm_header(1, 4_000_000_000, 1000) + bytes(1000), {"audio.sample_rate", "audio.malformed"}),
        (pcm_header(1, 16_000, 0), {"audio.too_short", "audio.malformed"}),
        (pcm_header(1, 16_000, 200) + bytes(200), {"audio.too_short"}),
    ],
)
def test_what_is_no_sound(content: bytes, codes: set[str], tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(AudioInputError, match=r"speech\.wav") as caught:
        load_audio(path)
    assert time.process_time() - started < 1
    assert caught.value.code in codes


def test_a_video_without_sound(tmp_path: Path) -> None:
    from espressivo.media.video import encode_video

    encode_video(tmp_path / "a.mp4", [np.zeros((32, 32, 3), np.uint8)] * 5, fps=Fraction(25))
    with pytest.raises(AudioInputError) as caught:
        load_audio(tmp_path / "a.mp4")
    assert caught.value.code == "audio.no_sound"


def test_a_header_that_promises_gigabytes_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm_header(2, 48_000, 0xFFFFFFF0) + bytes(48_000))
    tracemalloc.start()
    clip = load_audio(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert clip.duration_s == pytest.approx(0.25)
    assert peak < 5_000_000


def test_long_sound_is_refused_without_being_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.write(pcm_header(1, 16_000, 900_000_000))
        file.truncate(900_000_000)  # sparse: 7.8 hours
    started = time.process_time()
    with pytest.raises(AudioInputError, match="lasts over 120 s") as caught:
        load_audio(path)
    assert time.process_time() - started < 2
    assert caught.value.code == "audio.too_long"
    with pytest.raises(AudioInputError, match="lasts over 1 s"):
        load_audio(path, max_duration_s=1.0)


def test_an_unknown_codec(tone: Tone, tmp_path: Path) -> None:
    write_with("aac", tmp_path / "a.m4a", tone())
    data = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "b.m4a").write_bytes(data.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"))
    with pytest.raises(AudioInputError, match="unknown codec"):
        load_audio(tmp_path / "b.m4a")


def corpus(folder: Path) -> list[bytes]:
    clip = AudioClip((np.random.default_rng(0).normal(0, 0.2, (1, 4800))).astype(np.float32), 48_000)
    found = []
    for name, codec in [
        ("a.flac", "flac"),
        ("a.ogg", "libopus"),
        ("a.mp3", "libmp3lame"),
        ("a.m4a", "aac"),
        ("a.wav", "pcm_s16le"),
    ]:
        write_with(codec, folder / name, clip)
        found.append((folder / name).read_bytes())
    return found


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return corpus(tmp_path_factory.mktemp("seeds"))


@given(
    index=st.integers(0, 4),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.integers(0, 10_000),
)
def test_damaged_sound_gives_a_clip_or_a_typed_error(
    seeds: list[bytes], index: int, edits: list[tuple[int, bytes]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(seeds[index])
    for position, patch in edits:
        start = position % len(data)
        data[start : start + len(patch)] = patch
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data[: len(data) - cut % len(data)])
    started = time.process_time()
    try:
        clip = load_audio(path)
    except AudioInputError:
        pass
    else:
        assert np.isfinite(clip.samples).all()
    assert time.process_time() - started < 1


@given(
    start=st.sampled_from([b"RIFF....WAVEfmt ", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\0\0\0\x18ftyp", b"\x1a\x45\xdf\xa3"]),
    rest=st.binary(max_size=200),
)
def test_anything_after_a_signature(start: bytes, rest: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(start + rest)
    with pytest.raises(AudioInputError):
        load_audio(path)


def test_nothing_else_is_opened_by_a_playlist(tmp_path: Path, tone: Tone) -> None:
    save_wav(tone(), tmp_path / "secret.wav")
    for text in (
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.wav\n",
    ):
        for name in ("list.wav", "list.m3u8"):
            (tmp_path / name).write_text(text)
            with pytest.raises(AudioInputError) as caught:
                load_audio(tmp_path / name)
            assert caught.value.code == "audio.format"


def test_mp3_with_a_large_picture_is_fine(tone: Tone, tmp_path: Path) -> None:
    write_with("libmp3lame", tmp_path / "a.mp3", tone())
    body = io.BytesIO()
    body.write(b"\0image/png\0\x03\0" + bytes(100_000))
    frame = b"APIC" + struct.pack(">I", body.tell()) + b"\0\0" + body.getvalue()
    size = len(frame)
    tag = b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + frame
    plain = (tmp_path / "a.mp3").read_bytes()
    start = plain.index(b"\xff\xfb")
    (tmp_path / "b.mp3").write_bytes(tag + plain[start:])
    assert load_audio(tmp_path / "b.mp3").duration_s == pytest.approx(1.0, abs=0.1)
