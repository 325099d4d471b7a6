"""A training run that can be stopped at any moment and continued: weights and optimiser as safetensors, the rest as JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

__all__ = ["MovingAverage", "Run", "warm_cosine"]

LEAST_SHARE = 0.02


def warm_cosine(step: int, num_steps: int, warm_up: int) -> float:
    """Share of the peak learning rate: straight up, then a half cosine down to 2 %."""
    if step < warm_up:
        return (step + 1) / warm_up
    progress = min(1.0, (step - warm_up) / max(1, num_steps - warm_up))
    return LEAST_SHARE + (1.0 - LEAST_SHARE) * 0.5 * (1.0 + math.cos(math.pi * progress))


class MovingAverage:
    """Exponential moving average of a network's weights; what is shipped.

    Args:
        model: Its present weights are the start.
        decay: Share that stays at each step, less in the first steps.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` steps."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                self.weights[name].lerp_(tensor, 1.0 - decay)
            else:
                self.weights[name].copy_(tensor)


class Run:
    """The folder of a run: ``state.safetensors``, ``state.json``, ``log.jsonl``.

    Args:
        folder: Made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, **values: float) -> None:
        """Append a line to the log."""
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def save(self, step: int, model: nn.Module, average: MovingAverage, optimizer: torch.optim.Optimizer) -> None:
        """Replace the saved state; an interruption leaves the old or the new one."""
        tensors: dict[str, Tensor] = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in average.weights.items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        partial = self.folder / "partial.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata={"step": str(step)})
        partial.replace(self.folder / "state.safetensors")
        (self.folder / "state.json").write_text(json.dumps({"step": step}) + "\n", encoding="utf-8")

    def resume(self, model: nn.Module, average: MovingAverage, optimizer: torch.optim.Optimizer) -> int:
        """Restore what :meth:`save` wrote; the next step's number, 0 for a new run."""
        if not (self.folder / "state.json").is_file():
            return 0
        tensors = load_file(self.folder / "state.safetensors")
        model.load_state_dict(_part(tensors, "model."), strict=True)
        average.weights = _part(tensors, "average.")
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in _part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return int(json.loads((self.folder / "state.json").read_text(encoding="utf-8"))["step"])

    def average_weights(self) -> dict[str, Tensor]:
        """The averaged weights of the saved state."""
        return _part(load_file(self.folder / "state.safetensors"), "average.")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
