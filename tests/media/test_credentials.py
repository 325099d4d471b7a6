import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from espressivo.cli.sign import sign as sign_command
from espressivo.errors import EncodeError, FileInputError, SettingError
from espressivo.media.audio import save_wav
from espressivo.media.clip import AudioClip
from espressivo.media.credentials import read_credentials, sign_file
from espressivo.media.image import save_png
from espressivo.media.metadata import read_metadata
from espressivo.media.video import encode_video
from espressivo.media.video_reader import read_frames
from espressivo.provenance import describe_run, verify_file

try:
    import c2pa
except ImportError:
    c2pa = None

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
with_library = pytest.mark.skipif(c2pa is None or shutil.which("openssl") is None, reason="needs espressivo[c2pa] and openssl")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A chain of two certificates as an operator would have, and the key."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "leaf.cnf").write_text(
        "basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,emailProtection\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    for command in (
        "ecparam -name prime256v1 -genkey -noout -out root.pem",
        "req -x509 -new -key root.pem -days 30 -subj /O=Test/CN=Root -out root.crt",
        "ecparam -name prime256v1 -genkey -noout -out leaf.sec1",
        "pkcs8 -topk8 -nocrypt -in leaf.sec1 -out leaf.pem",
        "req -new -key leaf.pem -subj /O=Studio/CN=Signer -out leaf.csr",
        "x509 -req -in leaf.csr -CA root.crt -CAkey root.pem -CAcreateserial -days 20 -extfile leaf.cnf -out leaf.crt",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    (folder / "chain.pem").write_text((folder / "leaf.crt").read_text() + (folder / "root.crt").read_text())
    return folder / "chain.pem", folder / "leaf.pem"


def make(folder: Path, suffix: str) -> Path:
    path = folder / f"a{suffix}"
    if suffix == ".mp4":
        encode_video(
            path,
            [np.full((32, 32, 3), level, np.uint8) for level in range(0, 100, 10)],
            fps=Fraction(25),
            metadata={"comment": "c"},
        )
    elif suffix == ".wav":
        save_wav(AudioClip(np.zeros((1, 8_000), np.float32), 8_000), path, {"comment": "c"})
    else:
        save_png(np.zeros((32, 32, 3), np.uint8), path, {"comment": "c"})
    return path


def sign(path: Path, output: Path, keys: tuple[Path, Path]) -> None:
    sign_file(path, output, certificate=keys[0], private_key=keys[1], digital_source_type=SOURCE_TYPE, tool_version="1.0")


@with_library
@pytest.mark.parametrize("suffix", [".mp4", ".wav", ".png"])
def test_signing_and_reading_back(suffix: str, keys: tuple[Path, Path], tmp_path: Path) -> None:
    path = make(tmp_path, suffix)
    assert read_credentials(path) is None
    signed = tmp_path / f"signed{suffix}"
    sign(path, signed, keys)
    found = read_credentials(signed)
    assert found is not None
    assert found.state == "Valid"
    assert found.issuer == "Studio"
    assert found.digital_source_type == SOURCE_TYPE
    assert found.problems == ("signingCredential.untrusted",)
    assert read_metadata(signed).fields["comment"] == "c"


@with_library
def test_the_pictures_stay_and_tampering_shows(keys: tuple[Path, Path], tmp_path: Path) -> None:
    path = make(tmp_path, ".mp4")
    before = list(read_frames(path))
    sign(path, path, keys)
    assert all(np.array_equal(a, b) for a, b in zip(before, read_frames(path), strict=True))
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    found = read_credentials(path)
    assert found is not None
    assert found.state == "Invalid"


@with_library
def test_the_command_signs_and_verify_tells(keys: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    record = describe_run(kind="scene", seed=1, inputs={}, settings={})
    save_png(np.zeros((32, 32, 3), np.uint8), path, record.metadata())
    signed = tmp_path / "b.png"
    sign_command(path, signed, keys[0], keys[1])
    report = verify_file(signed)
    assert report.credentials == "Valid, signed by Studio (signingCredential.untrusted)"
    assert report.provenance == record
    assert "not signed" not in "\n".join(report.lines())


@with_library
def test_a_wrong_key_leaves_the_file_alone(keys: tuple[Path, Path], tmp_path: Path) -> None:
    path = make(tmp_path, ".wav")
    before = path.read_bytes()
    with pytest.raises(EncodeError) as caught:
        sign(path, path, (keys[0], keys[0]))
    assert caught.value.code == "encode.c2pa"
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@with_library
def test_what_cannot_be_signed(keys: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SettingError):
        sign(tmp_path / "a.txt", tmp_path / "b.txt", keys)
    with pytest.raises(FileInputError):
        sign(tmp_path / "none.mp4", tmp_path / "b.mp4", keys)


@pytest.mark.skipif(c2pa is not None, reason="C2PA is installed")
def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"espressivo\[c2pa\]"):
        read_credentials(make(tmp_path, ".png"))
