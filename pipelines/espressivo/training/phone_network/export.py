"""From a finished run to a checkpoint."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file

from espressivo.pretrained import save_network
from espressivo.speech.phone_network import PhoneNetwork
from espressivo.training.phone_network.train import read_task

__all__ = ["export"]


def export(prepared: Path, weights: Path, folder: Path) -> None:
    """Write averaged weights as a checkpoint (without digests and model card).

    Args:
        prepared: The data that was trained on; names classes and model.
        weights: ``average.safetensors`` of the run.
        folder: The checkpoint.
    """
    task = read_task(prepared)
    network = PhoneNetwork(classes=task["classes"], labels=task["labels"], **task["model"])
    network.layers.load_state_dict(load_file(weights), strict=True)
    save_network(network, folder)
