"""Loading networks from checkpoint folders: safetensors only, every weight present, nothing unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from espressivo.diffusers_core import ModelMixin
from espressivo.errors import CheckpointError
from espressivo.resources import verify_checksums

__all__ = ["load_network", "save_network"]

WEIGHTS = "diffusion_pytorch_model.safetensors"
CONFIG = "config.json"
PRIVATE_KEYS = ("_class_name", "_diffusers_version")

Network = TypeVar("Network", bound=ModelMixin)


def load_network(network: type[Network], folder: Path) -> Network:
    """A network in evaluation mode, after its files were compared with their digests.

    diffusers' own loader only warns about missing weights and unknown settings, and leaves the weights uninitialised.

    Args:
        network: A ``ModelMixin`` with ``ConfigMixin``.
        folder: Holds ``config.json``, ``diffusion_pytorch_model.safetensors`` and ``SHA256SUMS``.

    Raises:
        CheckpointError: ``checkpoint.missing``, ``checkpoint.altered``, ``checkpoint.unlisted`` or ``checkpoint.mismatch``.
    """
    verify_checksums(folder)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        settings = {name: value for name, value in config.items() if name not in PRIVATE_KEYS}
        model = network(**settings)
        model.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        summary = str(error).partition("\n")[0]
        raise CheckpointError("checkpoint.mismatch", f"{folder.name} does not fit {network.__name__}: {summary}") from error
    return model.eval()


def save_network(model: ModelMixin, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write ``config.json`` and the weights; the same network always gives the same bytes.

    Args:
        model: The network.
        folder: Made when missing.
        dtype: Of the weights on disk; half precision halves the file. They are loaded in the network's own precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {name: value for name, value in model.config.items() if not name.startswith("_")}
    text = json.dumps({"_class_name": type(model).__name__, **config}, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    weights = {name: tensor.detach().to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
