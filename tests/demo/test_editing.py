from fractions import Fraction

import pytest
from pydantic import ValidationError

from espressivo import FacialActionTrack, parse_emotion, plan_emotion
from espressivo.errors import PlanError
from espressivo_demo.charts import performance_svg, timeline_svg
from espressivo_demo.editing import action_rows, music_rows, segment_rows, thought_html, with_actions, with_music
from espressivo_demo.settings import DemoSettings
from espressivo_demo.snippets import as_command, as_python


@pytest.fixture(scope="module")
def plan():
    return plan_emotion(parse_emotion("joy turning to fear"))


def test_untouched_tables_change_nothing(plan):
    assert with_actions(plan, action_rows(plan)).segments[0].actions[0].level == pytest.approx(
        plan.segments[0].actions[0].level, abs=0.02
    )
    assert [segment.music.mode for segment in with_music(plan, music_rows(plan)).segments] == [
        s.music.mode for s in plan.segments
    ]


def test_a_level_scales_all_movements_of_that_unit_alone(plan):
    rows = action_rows(plan)
    index = next(i for i, row in enumerate(rows) if row[1] == 12)
    before = rows[index][3]
    rows[index][3] = before / 2
    edited = with_actions(plan, rows)
    for old, new in zip(plan.segments[0].actions, edited.segments[0].actions, strict=True):
        factor = 0.5 if old.action_unit == 12 else 1.0
        assert new.level == pytest.approx(old.level * factor, rel=0.05, abs=1e-6)


def test_a_level_beyond_one_is_refused(plan):
    rows = action_rows(plan)
    rows[0][3] = 7.0
    with pytest.raises(PlanError):
        with_actions(plan, rows)


def test_what_the_user_wrote_is_shown_as_text():
    nasty = plan_emotion(parse_emotion("I am so happy <script>alert(1)</script> today"))
    assert "<script>" not in thought_html(nasty)


def test_drawings_are_complete(plan):
    assert timeline_svg(plan).count("<rect") == len(plan.segments) == len(segment_rows(plan))
    assert performance_svg(FacialActionTrack.still(50, Fraction(25)), None).count("<polyline") == 12


def test_code_that_does_the_same():
    settings = {"size": 256, "fps": "25", "consent": "synthetic_person", "head": 1.5}
    assert "size=256" in as_python(4, settings)
    assert "fps" not in as_python(4, settings)
    assert as_command(4, settings).endswith("--head 1.5 --consent synthetic_person --seed 4 -o talk.mp4")


def test_it_is_shown_to_others_only_behind_a_password(tmp_path):
    with pytest.raises(ValidationError, match="auth_file"):
        DemoSettings(host="0.0.0.0")  # noqa: S104 - that is what is refused
    assert DemoSettings(host="0.0.0.0", auth_file=tmp_path / "users").host == "0.0.0.0"  # noqa: S104 - as above
