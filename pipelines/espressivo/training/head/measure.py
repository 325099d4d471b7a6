"""Figures of a finished head: how well it fits portraits, and whether lids and lips meet.

python -m espressivo.training.head.measure --portraits FOLDER [--head FOLDER] [--limit 60]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.face.head import MorphableHead
from espressivo.face.landmark_groups import FACE_OVAL, NUM_MESH_LANDMARKS
from espressivo.face.landmarks import FaceLandmarker
from espressivo.training.head.mesh import Float, similarity

__all__ = ["fit_residual", "portrait_points"]

OVAL_TRUST = 0.3
DEPTH_TRUST = 0.3
IDENTITY_RIDGE, EXPRESSION_RIDGE = 0.25, 3.2


def portrait_points(folder: Path, limit: int, *, learning: bool) -> Float:
    """``(P, 468, 3)`` face points (pixels, x right, y up) of the pictures with one face.

    Args:
        folder: Searched for JPEG and PNG files; every second one is for learning, the others for measuring.
        limit: Largest number of pictures, evenly spread.
        learning: Which half.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    paths = paths[0 if learning else 1 :: 2]
    points = []
    with FaceLandmarker(num_faces=2) as landmarker:
        for path in paths[:: max(1, len(paths) // limit)][:limit]:
            faces = landmarker.detect(_read(path))
            if len(faces) == 1:
                points.append(faces[0].points[:NUM_MESH_LANDMARKS].astype(np.float64) * [1, -1, 1])
    return np.stack(points)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def fit_residual(head: MorphableHead, points: Float, num_rounds: int = 8) -> tuple[float, float, float]:
    """How far a fitted head's face points lie from a portrait's; pose by weighted Umeyama and shape by ridge regression in turn.

    Returns:
        Mean and 95 % point of the distance in the picture plane, in face heights, and the root mean square of the identity
        weights (1 is a typical person).
    """
    trust = np.ones(len(points))
    trust[list(FACE_OVAL)] = OVAL_TRUST
    num_modes = head.num_identity_modes
    basis = np.concatenate([head.landmark_identity, head.landmark_expression]).astype(np.float64)
    base = head.landmark_base.astype(np.float64)
    ridge = np.diag(np.concatenate([np.full(num_modes, IDENTITY_RIDGE), np.full(len(basis) - num_modes, EXPRESSION_RIDGE)]))
    emphasis = np.sqrt(trust)[:, None] * [1, 1, DEPTH_TRUST]
    x = np.zeros(len(basis))
    for _ in range(num_rounds):
        scale, rotation, shift = similarity(base + np.tensordot(x, basis, 1), points, trust)
        turned = (np.einsum("ij,kvj->kvi", rotation, basis) * emphasis).reshape(len(basis), -1).T
        rest = ((points - (scale * base @ rotation.T + shift)) / scale * emphasis).reshape(-1)
        x = np.linalg.solve(turned.T @ turned + ridge, turned.T @ rest)
        x[num_modes:] = np.clip(x[num_modes:], 0, 1)
    fitted = scale * (base + np.tensordot(x, basis, 1)) @ rotation.T + shift
    distance = np.linalg.norm((fitted - points)[:, :2], axis=1) / (scale * head.face_height)
    return float(distance.mean()), float(np.percentile(distance, 95)), float(np.sqrt((x[:num_modes] ** 2).mean()))


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m espressivo.training.head.measure", description="Figures of a head.")
    parser.add_argument("--portraits", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--head", type=Path, metavar="FOLDER", help="default: the checkpoint")
    parser.add_argument("--limit", type=int, default=60, metavar="N")
    options = parser.parse_args()
    head = MorphableHead.from_pretrained(options.head)
    residuals = np.array(
        [fit_residual(head, points) for points in portrait_points(options.portraits, options.limit, learning=False)]
    )
    sys.stdout.write(
        f"portraits {len(residuals)}; residual, % of face height: mean {100 * residuals[:, 0].mean():.2f}, "
        f"worst portrait {100 * residuals[:, 0].max():.2f}, 95 % of points below {100 * residuals[:, 1].mean():.2f}; "
        f"identity weights rms {residuals[:, 2].mean():.2f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
