import pytest

from espressivo.evaluation.face import evaluate


@pytest.mark.slow
def test_the_bundled_portraits_meet_the_floors():
    figures = evaluate(None, quick=True)
    named = {figure.name: figure for figure in figures}
    assert named["reenactment.psnr"].value is None, "without clips it is skipped, never passed"
    # One of the 17 shapes does not reach its rank correlation; the full evaluation says the same.
    assert named["read_back.shapes_below_0.95"].value <= 1
    missed = {figure.name for figure in figures if figure.met is False and not figure.name.startswith("speed")}
    assert missed <= {"read_back.shapes_below_0.95"}
