import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from espressivo.errors import EncodeError
from espressivo.media.atomic import atomic_output, atomic_outputs, check_free_space, write_bytes


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    with atomic_output(target) as temporary:
        temporary.write_bytes(b"content")
        assert not target.exists()
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".mp4"
    assert target.read_bytes() == b"content"
    assert names(tmp_path) == ["a.mp4"]


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def write_half(target: Path, error: BaseException) -> None:
    with atomic_output(target) as temporary:
        temporary.write_bytes(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError("boom"), KeyboardInterrupt()])
def test_an_error_leaves_the_existing_file_alone(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    with pytest.raises(type(error)):
        write_half(target, error)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.wav"]


def test_several_files_appear_together(tmp_path: Path) -> None:
    targets = [tmp_path / "a", tmp_path / "b"]
    targets[0].write_bytes(b"old")
    with atomic_outputs(targets) as temporaries:
        for temporary in temporaries:
            temporary.write_bytes(b"new")
    assert [target.read_bytes() for target in targets] == [b"new", b"new"]
    assert names(tmp_path) == ["a", "b"]


def write_all_with_an_obstacle(targets: list[Path]) -> None:
    with atomic_outputs(targets) as temporaries:
        for temporary in temporaries:
            temporary.write_bytes(b"new")
        targets[-1].mkdir()  # a folder in the way makes the last rename fail
        (targets[-1] / "occupied").touch()


def test_all_is_taken_back_when_one_cannot_be_published(tmp_path: Path) -> None:
    first, second, third = tmp_path / "first", tmp_path / "second", tmp_path / "third"
    first.write_bytes(b"old")
    with pytest.raises(EncodeError):
        write_all_with_an_obstacle([first, second, third])
    assert first.read_bytes() == b"old"
    assert names(tmp_path) == ["first", "third"]


def test_an_output_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(EncodeError, match="nothing was written for 'b'") as caught,
        atomic_outputs([tmp_path / "a", tmp_path / "b"]) as (first, _),
    ):
        first.write_bytes(b"x")
    assert caught.value.code == "encode.nothing_written"
    assert names(tmp_path) == []


def test_two_outputs_need_two_paths(tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as caught, atomic_outputs([tmp_path / "a", tmp_path / "a"]):
        pass
    assert caught.value.code == "encode.same_output"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("missing/a.mp4", "encode.folder_missing"),
        ("file/a.mp4", "encode.folder_missing"),
        ("folder", "encode.not_a_file"),
    ],
)
def test_unusable_targets_are_refused_at_once(tmp_path: Path, target: str, code: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(EncodeError) as caught, atomic_output(tmp_path / target):
        pytest.fail("the block must not run")
    assert caught.value.code == code


def test_devices_are_never_replaced() -> None:
    with pytest.raises(EncodeError) as caught, atomic_output(Path(os.devnull)):
        pytest.fail("the block must not run")
    assert caught.value.code == "encode.not_a_file"
    assert Path(os.devnull).is_char_device()


def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = Path("/proc/self")  # refuses new files even to root
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
    with pytest.raises(EncodeError) as caught, atomic_output(folder / "a.mp4"):
        pytest.fail("the block must not run")
    assert caught.value.code in {"encode.not_writable", "encode.folder_missing"}


def test_long_names_are_fine(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 250 + ".mid")
    write_bytes(target, b"x")
    assert target.read_bytes() == b"x"


def limited_child(code: str, folder: Path, max_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run code where no file may grow beyond a size, which fails like a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)


def test_a_full_disk_is_told_apart_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from espressivo.errors import EncodeError
from espressivo.media.atomic import write_bytes
target = Path(sys.argv[1]) / "a.bin"
target.write_bytes(b"old")
try:
    write_bytes(target, bytes(1_000_000))
except EncodeError as error:
    print(error.code)
"""
    done = limited_child(code, tmp_path, 100_000)
    assert done.stdout.split() == ["encode.disk_full"], done.stderr
    assert names(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_free_space_is_checked_before_long_work(tmp_path: Path) -> None:
    check_free_space(tmp_path, 0)
    with pytest.raises(EncodeError) as caught:
        check_free_space(tmp_path, 10**18)
    assert caught.value.code == "encode.disk_full"
