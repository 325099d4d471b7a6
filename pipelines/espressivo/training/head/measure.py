"""Figures of a finished head: how well it fits portraits, how well its face points are found, whether lids and lips meet.

python -m espressivo.training.head.measure --portraits FOLDER [--head FOLDER] [--limit 60] [--expressions ict_facekit.npz]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.head import MM_PER_UNIT, MorphableHead, expression_weights
from espressivo.face.landmark_groups import FACE_OVAL, LID_PAIRS, LIP_PAIRS, NUM_MESH_LANDMARKS
from espressivo.face.landmarks import FaceLandmarker
from espressivo.face.pose import rotation_matrix
from espressivo.seeds import numpy_generator
from espressivo.training.head.correspondence import find_correspondence, render_preview
from espressivo.training.head.ict_facekit import read_ict_facekit
from espressivo.training.head.mesh import Float, HeadMesh, similarity
from espressivo.training.head.registration import fit_identity

__all__ = ["compare_shapes", "fit_residual", "landmark_errors", "lid_and_lip_gaps", "portrait_points"]

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


def lid_and_lip_gaps(head: MorphableHead) -> tuple[float, float]:
    """Largest distance of lid points in a blink and of lip points at rest (up or down), mm."""
    rest = np.zeros(head.num_identity_modes)
    blink = head.landmarks(head.vertices(rest, expression_weights(eyeBlink=1.0)))
    lids = [blink[upper, 1] - blink[lower, 1] for pairs in LID_PAIRS for upper, lower in pairs]
    lips = [head.landmark_base[upper, 1] - head.landmark_base[lower, 1] for upper, lower in LIP_PAIRS]
    return float(np.abs(lids).max() * MM_PER_UNIT), float(np.max(lips) * MM_PER_UNIT)


def landmark_errors(head: MorphableHead, yaws_rad: Sequence[float], num_people: int = 8) -> Float:
    """``(yaws, 2)`` distance of found from true face points on renders, face heights: mean and 95 % point; NaN: none found."""
    mesh = HeadMesh(
        head.neutral.astype(np.float64),
        head.triangles.astype(np.int64),
        head.tissue,
        head.expression.astype(np.float64),
        head.identity.astype(np.float64),
    )
    rng = numpy_generator(0, "head", "measure")
    people = rng.normal(size=(num_people, head.num_identity_modes))
    table = np.full((len(yaws_rad), 2), np.nan)
    with FaceLandmarker() as landmarker:
        for row, yaw_rad in enumerate(yaws_rad):
            errors: list[Float] = []
            for person in people:
                posed = head.vertices(person, expression_weights()).astype(np.float64) @ rotation_matrix(0, yaw_rad, 0).T
                picture, points = render_preview(mesh, posed, 512, (0.0, -1.0), 1.3)
                true = head.landmarks(points.astype(np.float32))[:, :2]
                scale = np.ptp(points[:, 1]) / np.ptp(posed[:, 1]) * head.face_height
                found = [face.points[:NUM_MESH_LANDMARKS, :2] for face in landmarker.detect(picture)]
                errors += [np.linalg.norm(points_px - true, axis=1) / scale for points_px in found]
            if errors:
                table[row] = np.mean(errors), np.percentile(np.concatenate(errors), 95)
    return table


def compare_shapes(head: MorphableHead, source: HeadMesh) -> Float:
    """``(52, 2)`` each shape's displacement of the face points against the source's: ratio of sizes and cosine.

    The source is first fitted to the head's mean face.
    """
    marks = find_correspondence(source, even=False)
    _, frame = fit_identity(source, marks, head.landmark_base.astype(np.float64))
    table = np.full((len(ARKIT_NAMES), 2), np.nan)
    for k, shape in enumerate(source.expression):
        own, other = head.landmark_expression[k].ravel(), marks.points(shape @ frame.T).ravel()
        size = np.linalg.norm(own), np.linalg.norm(other)
        if size[1] > 0:
            table[k] = size[0] / size[1], own @ other / (size[0] * size[1])
    return table


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m espressivo.training.head.measure", description="Figures of a head.")
    parser.add_argument("--portraits", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--head", type=Path, metavar="FOLDER", help="default: the checkpoint")
    parser.add_argument("--limit", type=int, default=60, metavar="N")
    parser.add_argument("--expressions", type=Path, metavar="NPZ", help="ICT-FaceKit, to compare each shape with")
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
    lids_mm, lips_mm = lid_and_lip_gaps(head)
    sys.stdout.write(f"blink: lids at most {lids_mm:.2f} mm apart; at rest: lips at most {lips_mm:.2f} mm apart\n")
    degrees = list(range(0, 61, 10))
    for yaw, (mean, high) in zip(degrees, landmark_errors(head, [math.radians(d) for d in degrees]), strict=True):
        sys.stdout.write(f"face points on renders, yaw {yaw:2d}: mean {100 * mean:.2f}, 95 % {100 * high:.2f} % of face height\n")
    if options.expressions is not None:
        for name, (ratio, cosine) in zip(ARKIT_NAMES, compare_shapes(head, read_ict_facekit(options.expressions)), strict=True):
            sys.stdout.write(f"{name:20s} size {ratio:.2f} of the scans', cosine {cosine:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
