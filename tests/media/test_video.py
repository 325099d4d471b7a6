import gc
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.errors import Cancelled, EncodeError, EspressivoError, VideoInputError
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.media.metadata import read_metadata
from espressivo.media.video import encode_video, num_video_frames, replace_audio
from espressivo.media.video_reader import probe_video, read_frames

Tone = Callable[..., AudioClip]
FPS = Fraction(25)
RATES = [Fraction(12), Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60)]


def pictures(count: int, height: int = 48, width: int = 64) -> Iterator[np.ndarray]:
    """Grey stairs: picture number ``n`` has the level ``4 n``."""
    for index in range(count):
        yield np.full((height, width, 3), index * 4 % 256, np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("fps", RATES)
def test_sound_is_the_clock_at_any_frame_rate(fps: Fraction, tone: Tone, tmp_path: Path) -> None:
    clip = tone(2.37, sample_rate_hz=16_000)
    count = num_video_frames(clip, fps)
    info = encode_video(tmp_path / "a.mp4", pictures(count), fps=fps, audio=clip)
    assert info.fps == fps
    assert info.num_frames == count
    assert 0 <= info.duration_s - clip.duration_s < 1 / fps
    assert info.audio_duration_s == pytest.approx(clip.duration_s, abs=1e-3)
    assert info.start_s == info.audio_start_s == 0.0


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (22_050, 1), (44_100, 2), (48_000, 6)])
def test_lips_and_sound_stay_together(rate: int, channels: int, tone: Tone, tmp_path: Path) -> None:
    clip = tone(2.0, sample_rate_hz=rate, channels=channels)
    encode_video(tmp_path / "a.mp4", pictures(50), fps=FPS, audio=clip)
    decoded = load_audio(tmp_path / "a.mp4")
    before, after = clip.mono(48_000), decoded.mono(48_000)
    length = min(len(before), len(after)) - 960
    shifts = range(-480, 481, 8)
    likeness = [float(before[480 : 480 + length] @ after[480 + s : 480 + s + length]) for s in shifts]
    assert abs(shifts[int(np.argmax(likeness))]) <= 8


def test_frames_come_back_in_order_and_colour(tmp_path: Path) -> None:
    encode_video(tmp_path / "a.mp4", pictures(40), fps=FPS)
    levels = [frame.mean() for frame in read_frames(tmp_path / "a.mp4")]
    assert np.abs(np.array(levels) - np.arange(40) * 4).max() < 2


def test_colours_are_right(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (224, 172, 150), (90, 60, 50)]
    frames = [np.full((32, 32, 3), colour, np.uint8) for colour in colours]
    encode_video(tmp_path / "a.mp4", frames, fps=FPS, crf=10)
    for frame, colour in zip(read_frames(tmp_path / "a.mp4"), colours, strict=True):
        assert np.abs(frame[16, 16].astype(int) - colour).max() <= 4
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert context.pix_fmt == "yuv420p"


def test_odd_sizes_gain_a_row_and_a_column(tmp_path: Path) -> None:
    info = encode_video(tmp_path / "a.mp4", pictures(3, 33, 47), fps=FPS)
    assert (info.height, info.width) == (34, 48)


def test_browsers_can_start_before_the_end_is_there(tone: Tone, tmp_path: Path) -> None:
    encode_video(tmp_path / "a.mp4", pictures(25), fps=FPS, audio=tone(1.0))
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_same_input_same_bytes_in_any_thread(tone: Tone, tmp_path: Path) -> None:
    clip = tone(1.0)
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(25)]
    paths = [tmp_path / f"{index}.mp4" for index in range(3)]
    encode_video(paths[0], frames, fps=FPS, audio=clip, metadata={"comment": "c"})
    threads = [
        threading.Thread(
            target=encode_video, args=(path, frames), kwargs={"fps": FPS, "audio": clip, "metadata": {"comment": "c"}}
        )
        for path in paths[1:]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path.read_bytes() for path in paths}) == 1


MOVING = """
import hashlib, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from espressivo.media.video import encode_video
path, cloth = Path(sys.argv[1]), np.random.default_rng(0).integers(0, 256, (44, 44, 3), np.uint8).repeat(4, 0).repeat(4, 1)
for side in (160, 176, 208):
    encode_video(path, (np.roll(cloth, 3 * k, 1)[:160, :side] for k in range(25)), fps=Fraction(25))
    print(side, hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_same_input_same_bytes_whatever_the_memory_held_before(tmp_path: Path) -> None:
    def digests(fill: int) -> str:
        """With glibc's fresh memory full of the complement of ``fill``; 0 leaves it as it is."""
        command = [sys.executable, "-c", MOVING, str(tmp_path / "moving.mp4")]
        return subprocess.run(
            command, env=os.environ | {"MALLOC_PERTURB_": str(fill)}, check=True, capture_output=True, text=True
        ).stdout

    assert len({digests(fill) for fill in (0, 1, 170)}) == 1


def test_metadata_survives(tmp_path: Path) -> None:
    metadata = {"comment": "AI-generated vidéo", "digital_source_type": "http://x/y", "espressivo": '{"seed":1}'}
    encode_video(tmp_path / "a.mp4", pictures(3), fps=FPS, metadata=metadata)
    fields = read_metadata(tmp_path / "a.mp4").fields
    assert {key: fields[key] for key in metadata} == metadata


def test_another_sound_under_the_same_pictures(tone: Tone, tmp_path: Path) -> None:
    encode_video(tmp_path / "a.mp4", pictures(50), fps=FPS, audio=tone(2.0), metadata={"comment": "kept"})
    pitches = np.array([[220.0], [330.0]])
    music = AudioClip((0.3 * np.sin(2 * np.pi * pitches * np.arange(88_200) / 44_100)).astype(np.float32), 44_100)
    info = replace_audio(tmp_path / "a.mp4", music, tmp_path / "b.mp4")
    assert info.num_frames == 50
    assert info.metadata["comment"] == "kept"
    for before, after in zip(read_frames(tmp_path / "a.mp4"), read_frames(tmp_path / "b.mp4"), strict=True):
        assert np.array_equal(before, after)
    decoded = load_audio(tmp_path / "b.mp4")
    assert len(decoded.samples) == 2
    assert np.corrcoef(decoded.samples[0, 2000:40_000], music.samples[0, 2000:40_000])[0, 1] > 0.99


def test_sound_can_be_added_and_replaced_in_place(tone: Tone, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    encode_video(path, pictures(50), fps=FPS)
    assert replace_audio(path, tone(2.0), path).has_audio
    with pytest.raises(EncodeError) as caught:
        replace_audio(path, tone(3.0), path)
    assert caught.value.code == "encode.frame_count"
    assert names(tmp_path) == ["a.mp4"]


def test_the_number_of_frames_must_fit_the_sound(tone: Tone, tmp_path: Path) -> None:
    for count in (49, 51):
        with pytest.raises(EncodeError, match=f"{count} frames for 2.000 s of sound; 50 are needed") as caught:
            encode_video(tmp_path / "a.mp4", pictures(count), fps=FPS, audio=tone(2.0))
        assert caught.value.code == "encode.frame_count"
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([], "encode.no_frames"),
        ([np.zeros((48, 64), np.uint8)], "encode.shape"),
        ([np.zeros((8, 8, 3), np.uint8)], "encode.shape"),
        ([np.zeros((48, 64, 3), np.float32)], "encode.shape"),
        ([np.zeros((48, 64, 3), np.uint8), np.zeros((48, 66, 3), np.uint8)], "encode.shape"),
        ([np.zeros((9000, 9000, 3), np.uint8)], "encode.shape"),
    ],
)
def test_frames_that_cannot_be_encoded(frames: list[np.ndarray], code: str, tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_video(tmp_path / "a.mp4", frames, fps=FPS)
    assert caught.value.code == code
    assert names(tmp_path) == []


def test_settings_that_x264_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_video(tmp_path / "a.mp4", pictures(3), fps=FPS, preset="no such preset")
    assert caught.value.code in {"encode.codec", "encode.failed"}
    with pytest.raises(EncodeError, match="1000 frames a second"):
        encode_video(tmp_path / "a.mp4", pictures(3), fps=Fraction(1000))
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [Cancelled(), RuntimeError("a stage failed"), KeyboardInterrupt()])
def test_stopping_midway_leaves_the_old_file(error: BaseException, tone: Tone, tmp_path: Path) -> None:
    def stopping() -> Iterator[np.ndarray]:
        yield from pictures(20)
        raise error

    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        encode_video(path, stopping(), fps=FPS, audio=tone(2.0))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.mp4"]


def limited(max_bytes: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    return limit


NOISE_UNTIL_THE_DISK_IS_FULL = """
import sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from espressivo.errors import EncodeError
from espressivo.media.video import encode_video
rng = np.random.default_rng(0)
frames = (rng.integers(0, 255, (128, 128, 3), dtype=np.uint8) for _ in range(200))
try:
    encode_video(Path(sys.argv[1]) / "a.mp4", frames, fps=Fraction(25))
except EncodeError as error:
    print(error.code)
else:
    print("written")
"""


@pytest.mark.parametrize("max_bytes", [10_000, 1_500_000])
def test_a_full_disk(max_bytes: int, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    command = [sys.executable, "-c", NOISE_UNTIL_THE_DISK_IS_FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited(max_bytes), check=False)
    assert done.stdout.split() == ["encode.disk_full"], done.stderr
    assert (tmp_path / "a.mp4").read_bytes() == b"old"
    assert names(tmp_path) == ["a.mp4"]


def resident_bytes() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)

    def endless(count: int) -> Iterator[np.ndarray]:
        for index in range(count):
            yield np.roll(frame, index, axis=1)

    encode_video(tmp_path / "a.mp4", endless(100), fps=FPS)
    gc.collect()
    before = resident_bytes()
    encode_video(tmp_path / "a.mp4", endless(1500), fps=FPS)  # 41 MB of frames, were they kept
    gc.collect()
    assert resident_bytes() - before < 15_000_000


@given(samples=st.integers(1, 10_000_000), rate=st.sampled_from([8_000, 16_000, 44_100, 48_000]), fps=st.sampled_from(RATES))
def test_frames_cover_the_sound_and_no_more(samples: int, rate: int, fps: Fraction) -> None:
    class Sound:
        duration_s = samples / rate

    count = num_video_frames(Sound(), fps)  # type: ignore[arg-type]
    exact = Fraction(samples, rate) * fps
    assert exact - Fraction(1, 10**6) <= count
    assert count < exact + 1 or count == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "video.empty"),
        (b"<html>", "video.format"),
        (b"#EXTM3U\n", "video.format"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "video.malformed"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "video.malformed"),
    ],
)
def test_what_is_no_video(content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(VideoInputError) as caught:
        probe_video(tmp_path / "clip.mp4")
    assert caught.value.code == code


def test_sound_files_are_no_videos(tone: Tone, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone().samples[:, :1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoInputError) as caught:
        probe_video(tmp_path / "a.m4a")
    assert caught.value.code == "video.no_pictures"


def test_long_videos_are_refused_while_reading(tmp_path: Path) -> None:
    encode_video(tmp_path / "a.mp4", pictures(30), fps=FPS)
    frames = read_frames(tmp_path / "a.mp4", max_frames=10)
    assert len([next(frames) for _ in range(10)]) == 10
    with pytest.raises(VideoInputError) as caught:
        next(frames)
    assert caught.value.code == "video.too_long"


@pytest.fixture(scope="module")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("seed") / "a.mp4"
    encode_video(path, pictures(8, 32, 32), fps=FPS)
    return path.read_bytes()


@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
    cut=st.integers(0, 10_000),
)
def test_damaged_video_gives_frames_or_a_typed_error(
    small_video: bytes, edits: list[tuple[int, bytes]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(small_video)
    for position, patch in edits:
        start = position % len(data)
        data[start : start + len(patch)] = patch
    path = tmp_path_factory.getbasetemp() / "damaged.mp4"
    path.write_bytes(data[: len(data) - cut % len(data)])
    try:
        assert all(frame.shape[2] == 3 for frame in read_frames(path, max_frames=100))
    except EspressivoError:
        return
