import io
import os
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms

from espressivo.errors import ImageInputError
from espressivo.media.image import decode_image, load_image, save_png
from espressivo.media.limits import MAX_IMAGE_SIDE, MAX_JPEG_SCANS

Encode = Callable[..., bytes]
ORIENTATION = 0x0112


@given(
    picture=arrays.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40), st.just(3))),
)
def test_png_round_trip(picture: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    save_png(picture, path)
    assert np.array_equal(load_image(path), picture)


def test_same_picture_same_bytes(gradient: np.ndarray, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_png(gradient, tmp_path / name, {"comment": "AI-generated", "espressivo": "{}"})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "JPEG"])
def test_accepted_formats(kind: str, gradient: np.ndarray, encoded: Encode) -> None:
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    decoded = decode_image(encoded(gradient, kind, **options), "x")
    assert decoded.dtype == np.uint8
    assert decoded.flags["C_CONTIGUOUS"]
    assert np.abs(decoded.astype(int) - gradient).mean() < (2 if kind == "JPEG" else 1e-9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(orientation: int, gradient: np.ndarray, encoded: Encode) -> None:
    stored = {
        1: gradient,
        2: gradient[:, ::-1],
        3: gradient[::-1, ::-1],
        4: gradient[::-1],
        5: gradient.transpose(1, 0, 2),
        6: np.rot90(gradient, 1),
        7: gradient[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(gradient, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert np.array_equal(decode_image(encoded(np.ascontiguousarray(stored), exif=exif), "x"), gradient)


def test_broken_exif_leaves_the_picture_as_it_is(gradient: np.ndarray, encoded: Encode) -> None:
    data = encoded(gradient, "PNG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0")
    assert np.array_equal(decode_image(data, "x"), gradient)


def test_metadata_is_dropped(gradient: np.ndarray, encoded: Encode) -> None:
    assert type(decode_image(encoded(gradient), "x")) is np.ndarray


def test_sixteen_bit_grey_is_scaled_not_clipped(encoded: Encode) -> None:
    grey = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    decoded = decode_image(encoded(grey), "x")
    assert np.abs(decoded[:, :, 1].astype(float) - grey / 257).max() <= 0.5
    assert decoded.min() == 0
    assert decoded.max() == 255


def test_hidden_colours_stay_hidden(encoded: Encode) -> None:
    layers = np.zeros((32, 32, 4), np.uint8)
    layers[:, :16] = (255, 0, 0, 255)
    layers[:, 16:] = (0, 255, 0, 0)
    layers[0, 0] = (0, 0, 0, 128)
    decoded = decode_image(encoded(layers), "x", background=(10, 20, 30))
    assert tuple(decoded[5, 20]) == (10, 20, 30)
    assert tuple(decoded[5, 5]) == (255, 0, 0)
    assert np.abs(decoded[0, 0].astype(int) - (5, 10, 15)).max() <= 1
    assert tuple(decode_image(encoded(layers), "x")[5, 20]) == (255, 255, 255)


def test_palette_with_a_transparent_entry(encoded: Encode) -> None:
    picture = Image.new("P", (32, 32), 1)
    picture.putpalette([0, 0, 255, 255, 0, 0])
    picture.paste(0, (0, 0, 32, 16))
    decoded = decode_image(encoded(picture, transparency=0), "x")
    assert tuple(decoded[0, 0]) == (255, 255, 255)
    assert tuple(decoded[31, 31]) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_modes_become_rgb(mode: str, encoded: Encode) -> None:
    decoded = decode_image(encoded(Image.new("L", (20, 20), 255).convert(mode)), "x")
    assert decoded.shape == (20, 20, 3)
    assert (decoded == 255).all()


def test_cmyk(encoded: Encode) -> None:
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    decoded = decode_image(encoded(red, "JPEG", quality=100), "x")
    assert np.abs(decoded[16, 16].astype(int) - (255, 0, 0)).max() < 8


def test_colour_profiles_are_applied(encoded: Encode) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    swapped = swap_red_and_blue_profile()
    picture = Image.new("RGB", (32, 32), (200, 30, 30))
    with_srgb = encoded(picture, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert tuple(decode_image(with_srgb, "x")[0, 0]) == (200, 30, 30)
    decoded = decode_image(encoded(picture, icc_profile=swapped), "x")
    assert decoded[0, 0, 2] > 150 > decoded[0, 0, 0]
    wrong_channels = decode_image(encoded(picture, icc_profile=lab.tobytes()), "x")
    assert tuple(wrong_channels[0, 0]) == (200, 30, 30)
    assert tuple(decode_image(encoded(picture, icc_profile=b"no profile"), "x")[0, 0]) == (200, 30, 30)


def swap_red_and_blue_profile() -> bytes:
    """The sRGB profile with the primaries of red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = profile[blue : blue + 4], profile[red : red + 4]
    return bytes(profile)


def test_first_frame_of_an_animation(encoded: Encode) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, lossless=True)
        assert tuple(decode_image(data, "x")[0, 0]) == (255, 0, 0)


@pytest.mark.parametrize("size", [(30_000, 30_000), (100_000, 10), (MAX_IMAGE_SIDE + 1, 20), (8_000, 5_001)])
def test_bombs_are_refused_from_the_header(size: tuple[int, int], png_claiming: Callable[[int, int], bytes]) -> None:
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(ImageInputError, match=f"{size[0]} x {size[1]}") as caught:
        decode_image(png_claiming(*size), "bomb.png")
    assert time.process_time() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert caught.value.code == ("image.too_small" if min(size) < 16 else "image.too_large")


def test_a_webp_canvas_is_refused_before_it_is_allocated(gradient: np.ndarray, encoded: Encode) -> None:
    data = bytearray(encoded(gradient, "WEBP", save_all=True, append_images=[Image.fromarray(gradient[::-1].copy())]))
    assert data[12:16] == b"VP8X"
    data[24:30] = (16383).to_bytes(3, "little") * 2
    with pytest.raises(ImageInputError) as caught:
        decode_image(bytes(data), "x")
    assert caught.value.code == "image.too_large"


def test_sizes_of_all_webp_kinds_are_read_from_the_header(encoded: Encode) -> None:
    for options in ({"lossless": True}, {"lossless": False}):
        data = encoded(Image.new("RGB", (9, 40)), "WEBP", **options)
        with pytest.raises(ImageInputError, match="9 x 40"):
            decode_image(data, "x")


def test_jpegs_with_endless_scans_are_refused(gradient: np.ndarray, encoded: Encode) -> None:
    data = encoded(gradient, "JPEG", progressive=True)
    decode_image(data, "x")
    with pytest.raises(ImageInputError) as caught:
        decode_image(data[:-2] + b"\xff\xda\0\0" * MAX_JPEG_SCANS + data[-2:], "x")
    assert caught.value.code == "image.malformed"


def test_large_jpegs_may_have_few_scans(encoded: Encode) -> None:
    data = encoded(Image.new("RGB", (6000, 6000)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    started = time.process_time()
    with pytest.raises(ImageInputError, match="has 30 scans"):
        decode_image(data[:-2] + last * (30 - data.count(b"\xff\xda")) + data[-2:], "x")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_truncated_pictures_are_refused(kind: str, kept: float, encoded: Encode) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    with pytest.raises(ImageInputError) as caught:
        decode_image(data[: int(len(data) * kept)], "x")
    assert caught.value.code == "image.malformed"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "image.empty"),
        (b"<!doctype html><html></html>", "image.format"),
        (b"GIF89a" + bytes(100), "image.format"),
        (b"\x89PNG\r\n\x1a\n", "image.malformed"),
        (b"\xff\xd8\xff\xe0", "image.malformed"),
        (b"RIFF\0\0\0\0WEBPVP8X", "image.malformed"),
        (b"BM" + bytes(60), "image.malformed"),
        (b"\0" * 1000, "image.format"),
    ],
)
def test_what_is_no_picture(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "portrait.png"
    path.write_bytes(content)
    with pytest.raises(ImageInputError, match=r"portrait\.png") as caught:
        load_image(path)
    assert caught.value.code == code
    assert str(tmp_path) not in caught.value.message


def test_unusual_pixel_types_are_named() -> None:
    picture = Image.new("L", (32, 32))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[24] = 4  # a bit depth that the single-channel data does not have
    with pytest.raises(ImageInputError):
        decode_image(bytes(data), "x")


def test_missing_files_folders_and_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name, code in [("none.png", "image.missing"), (".", "image.not_a_file"), ("pipe.png", "image.not_a_file")]:
        with pytest.raises(ImageInputError) as caught:
            load_image(tmp_path / name)
        assert caught.value.code == code
    with pytest.raises(ImageInputError) as caught:
        load_image(Path("a\0b"))
    assert caught.value.code == "image.unreadable"


def test_files_over_the_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)  # sparse
    with pytest.raises(ImageInputError, match=r"200\.0 MB; at most 128 MB") as caught:
        load_image(path)
    assert caught.value.code == "image.too_large"


def test_decoding_is_safe_in_threads(gradient: np.ndarray, encoded: Encode) -> None:
    data, results = encoded(gradient), []
    threads = [threading.Thread(target=lambda: results.append(decode_image(data, "x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(result, gradient) for result in results)


def seeds() -> list[bytes]:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8))
    found = []
    for kind, options in [("PNG", {}), ("JPEG", {"progressive": True}), ("WEBP", {"lossless": True}), ("WEBP", {}), ("BMP", {})]:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        found.append(buffer.getvalue())
    return found


SEEDS = seeds()


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.integers(0, 3000),
)
def test_damaged_pictures_give_pixels_or_a_typed_error(seed: bytes, edits: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(seed)
    for position, patch in edits:
        start = position % len(data)
        data[start : start + len(patch)] = patch
    try:
        decoded = decode_image(bytes(data[: len(data) - cut % len(data)]), "x")
    except ImageInputError:
        return
    assert decoded.ndim == 3
    assert decoded.shape[2] == 3


@given(start=st.sampled_from([seed[:n] for seed in SEEDS for n in (2, 3, 8, 12, 16, 26)]), rest=st.binary(max_size=300))
def test_anything_after_a_signature_gives_a_typed_error(start: bytes, rest: bytes) -> None:
    try:
        decode_image(start + rest, "x")
    except ImageInputError:
        return


def test_png_text_bombs_are_bounded(gradient: np.ndarray, encoded: Encode) -> None:
    data = encoded(gradient)
    body = b"comment\0\0" + zlib.compress(bytes(64_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    started = time.process_time()
    with pytest.raises(ImageInputError):
        decode_image(data[:33] + chunk + data[33:], "x")
    assert time.process_time() - started < 1
