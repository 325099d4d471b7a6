import pytest

from espressivo.evaluation.face import evaluate


@pytest.mark.slow
def test_the_bundled_portraits_meet_every_floor():
    figures = evaluate(None, quick=True)
    named = {figure.name: figure for figure in figures}
    assert named["reenactment.psnr"].value is None, "without clips it is skipped, never passed"
    assert not [figure.name for figure in figures if figure.met is False and not figure.name.startswith("speed")]
