"""Checkpoints that were tampered with are refused before anything parses them."""

import hashlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from espressivo.diffusers_core import ConfigMixin, ModelMixin, register_to_config
from espressivo.errors import CheckpointError
from espressivo.pretrained import load_network, save_network
from espressivo.resources import verify_checksums


class TinyNetwork(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, width)


def sign(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_network(TinyNetwork(), tmp_path)
    sign(tmp_path)
    return tmp_path


def weights_of(folder: Path) -> Path:
    (weights,) = folder.glob("*.safetensors")
    return weights


def test_an_untouched_checkpoint_loads(folder: Path) -> None:
    assert load_network(TinyNetwork, folder).layer.weight.shape == (3, 3)


def test_the_same_network_always_gives_the_same_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    network = load_network(TinyNetwork, folder)
    first = tmp_path_factory.mktemp("again")
    contents = set()
    for _ in range(20):
        save_network(network, first)
        contents.add(weights_of(first).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("name", ["config.json", "weights"])
def test_one_changed_byte(name: str, folder: Path) -> None:
    path = weights_of(folder) if name == "weights" else folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.altered"


def test_a_missing_file(folder: Path) -> None:
    weights_of(folder).unlink()
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.missing"


def test_a_missing_list(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(CheckpointError) as caught:
        verify_checksums(folder)
    assert caught.value.code == "checkpoint.missing"


class Poison:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


def test_a_pickle_beside_the_weights(folder: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3, 3)}, folder / "diffusion_pytorch_model.bin")
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.unlisted"


def test_a_pickle_in_place_of_the_weights_is_never_executed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    torch.save(Poison(), weights_of(folder))
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.altered"
    sign(folder)  # even where somebody signed it
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.mismatch"
    assert not (folder / "executed").exists()


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_tensors_that_do_not_fit(change: str, folder: Path) -> None:
    tensors = load_file(weights_of(folder))
    match change:
        case "missing":
            del tensors["layer.bias"]
        case "extra":
            tensors["layer.surplus"] = torch.zeros(1)
        case "shape":
            tensors["layer.bias"] = torch.zeros(4)
    save_file(tensors, weights_of(folder))
    sign(folder)
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.mismatch"


@pytest.mark.parametrize("text", ['{"width": 3, "surprise": 1}', '{"width": "three"}', "[]", "{", ""])
def test_settings_that_do_not_fit(text: str, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    sign(folder)
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.mismatch"


@pytest.mark.parametrize("damage", ["truncated", "lying_header"])
def test_weights_that_are_no_weights(damage: str, folder: Path) -> None:
    data = weights_of(folder).read_bytes()
    lying = (2**62).to_bytes(8, "little") + data[8:]
    weights_of(folder).write_bytes(data[:-5] if damage == "truncated" else lying)
    sign(folder)
    with pytest.raises(CheckpointError) as caught:
        load_network(TinyNetwork, folder)
    assert caught.value.code == "checkpoint.mismatch"
