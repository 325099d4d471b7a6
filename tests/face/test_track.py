import csv
import json
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.track import FacialActionTrack, num_frames

# Header of a recording of Live Link Face (Epic Games) as the application writes it.
LIVE_LINK_HEADER = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,"
    "EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,"
    "JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,"
    "MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,"
    "MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,"
    "MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,"
    "CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,"
    "RightEyeYaw,RightEyePitch,RightEyeRoll"
)
FPS = [Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12)]


@st.composite
def tracks(draw):
    frames = draw(st.integers(1, 6))
    unit = st.floats(0, 1, width=32)
    angle = st.floats(-1, 1, width=32)
    return FacialActionTrack(
        draw(hnp.arrays(np.float32, (frames, 52), elements=unit)),
        draw(hnp.arrays(np.float32, (frames, 3), elements=angle)),
        draw(hnp.arrays(np.float32, (frames, 3), elements=angle)),
        draw(st.sampled_from(FPS)),
    )


relaxed = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(tracks())
def test_safetensors_round_trip(tmp_path: Path, track):
    path, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    track.save(path)
    loaded = FacialActionTrack.load(path)
    for name in ("weights", "head_rotation", "head_translation"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(track, name))
    assert loaded.fps == track.fps
    loaded.save(again)
    assert path.read_bytes() == again.read_bytes()


@relaxed
@given(tracks())
def test_csv_round_trip(tmp_path: Path, track):
    path = tmp_path / "a.csv"
    track.save_csv(path)
    loaded = FacialActionTrack.load_csv(path, track.fps)
    np.testing.assert_array_equal(loaded.weights, track.weights)
    np.testing.assert_array_equal(loaded.head_rotation, track.head_rotation)


def test_csv_is_what_live_link_face_writes(tmp_path: Path):
    track = FacialActionTrack.still(27, Fraction(25))
    track.weights[:, 3] = 0.5
    track.save_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert ",".join(rows[0]) == LIVE_LINK_HEADER
    assert rows[1][0] == "00:00:00:00.000"
    assert rows[26][0] == "00:00:01:00.000"
    assert {row[1] for row in rows[1:]} == {"61"}
    assert {len(row) for row in rows} == {63}
    assert float(rows[1][rows[0].index("EyeLookOutLeft")]) == 0.5
    assert float(rows[1][rows[0].index("LeftEyeYaw")]) > 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"weights": np.full((2, 52), 1.5)}, "track.out_of_range"),
        ({"weights": np.full((2, 52), np.nan)}, "track.not_finite"),
        ({"weights": np.zeros((2, 51))}, "track.shape"),
        ({"weights": np.zeros((0, 52))}, "track.shape"),
        ({"head_rotation": np.full((2, 3), 2.0)}, "track.out_of_range"),
        ({"head_translation": np.full((2, 3), np.inf)}, "track.not_finite"),
        ({"fps": Fraction(500)}, "track.fps"),
    ],
)
def test_what_is_no_track_is_refused(change, code):
    good = {
        "weights": np.zeros((2, 52)),
        "head_rotation": np.zeros((2, 3)),
        "head_translation": np.zeros((2, 3)),
        "fps": Fraction(25),
    }
    with pytest.raises(TrackError) as error:
        FacialActionTrack(**{**good, **change})
    assert error.value.code == code


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, struct.pack("<Q", 10) + b"{}        ", b"a,b\n1,2\n"])
def test_files_that_are_no_tracks(tmp_path: Path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(TrackError, match=r"cannot read|not a facial action track"):
        FacialActionTrack.load(path)
    with pytest.raises(TrackError, match="cannot read"):
        FacialActionTrack.load_csv(path, Fraction(25))


def test_a_track_of_other_shapes_is_refused(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    FacialActionTrack.still(1, Fraction(25)).save(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(json.dumps(ARKIT_NAMES[17])[1:-1].encode(), b"jawOpem"))
    with pytest.raises(TrackError) as error:
        FacialActionTrack.load(path)
    assert error.value.code == "track.unreadable"


@given(st.floats(0.001, 7200), st.sampled_from(FPS))
def test_frames_cover_the_duration_and_no_more(duration_s, fps):
    frames = num_frames(duration_s, fps)
    assert frames >= 1
    assert frames / float(fps) >= duration_s - 1e-6
    assert frames == 1 or (frames - 1) / float(fps) < duration_s + 1e-6
