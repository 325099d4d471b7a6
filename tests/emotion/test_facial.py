"""Muscles, mixtures, masks, conflicts, head, and the second look."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.check import check_face, head_units, read_face
from espressivo.emotion.conflicts import settle_conflicts
from espressivo.emotion.facial import compose_face, compose_head, describe_muscles, face_row, published_row
from espressivo.emotion.mixture import aggregate_labels, mix_faces, mixed_support, normalise, penalise_unlikely, strongest
from espressivo.emotion.plan import HeadGazeTarget
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest, IntensityFactors, Personality
from espressivo.emotion.tracking import make_state
from espressivo.resources import load_config

PLAIN = Personality()


def state(intensity=0.7, **distribution):
    return make_state(normalise(distribution), intensity, PLAIN, "")


def peaks(plan):
    found = {}
    for action in plan.segments[0].actions:
        found[action.action_unit] = max(found.get(action.action_unit, 0.0), action.level)
    return found


def test_shares_of_people_are_kept_as_probabilities():
    shares, source, mark = published_row("du2014.sad")
    assert shares[17] == 0.67
    assert "Du, Tao & Martinez" in source
    assert mark == "cross_checked"


def test_rare_action_units_differ_between_seeds():
    shown = [11 in compose_face(state(sadness=1), seed).levels() for seed in range(60)]
    assert 0.1 < sum(shown) / 60 < 0.45
    assert all({4, 15} <= set(compose_face(state(sadness=1), seed).levels()) for seed in range(20))


def test_happy_surprise_has_the_published_action_units():
    face = compose_face(state(joy=1, surprise=1), 0)
    assert {1, 2, 12, 25} <= set(face.levels())


def test_mixing_beats_blends_on_every_weighting_that_matters():
    joy, surprise = (face_row(node) for node in ("joy", "surprise"))
    even = mix_faces([(0.5, joy.shares, joy.amplitudes), (0.5, surprise.shares, surprise.amplitudes)])
    tilted = mix_faces([(0.95, joy.shares, joy.amplitudes), (0.05, surprise.shares, surprise.amplitudes)])
    assert {1, 2} <= set(even)
    assert not {1, 2} & set(tilted)


def test_antagonists_inhibit_each_other():
    support = mixed_support([(1.0, {24: 0.9}, {24: 1.0}), (1.0, {25: 0.9}, {25: 1.0})])
    assert support[24] == support[25] < 0.45


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(st.integers(1, 45), st.floats(0.01, 1.0), max_size=12))
def test_settled_conflicts_stay_settled(levels):
    once, _ = settle_conflicts(levels)
    twice, changes = settle_conflicts(once)
    assert twice == once
    assert changes == []
    assert set(once) <= set(levels)
    assert all(once[unit] <= levels[unit] for unit in once)


def test_conflicts_say_what_they_did():
    settled, changes = settle_conflicts({5: 0.4, 43: 0.2, 12: 0.8, 15: 0.9})
    assert settled == {43: 0.2, 12: 0.8, 15: 0.5}
    assert [rule for rule, _ in changes] == ["lids", "damped_smile"]
    assert "AU15 0.90 -> 0.50" in changes[1][1]


def test_muscles_are_named_in_plain_words():
    text = describe_muscles(compose_face(state(joy=1), 0).pulls)
    assert "zygomaticus major" in text
    assert "pulls the lip corners up" in text


@pytest.mark.parametrize(
    ("node", "axis", "sign"), [("pride", "pitch_rad", 1), ("shame", "pitch_rad", -1), ("sadness", "pitch_rad", -1)]
)
def test_head_is_carried(node, axis, sign):
    assert sign * getattr(compose_head(state(**{node: 1}), PLAIN, 0), axis) > 0.05


def test_stronger_words_show_more():
    anger, fury, annoyance = (peaks(plan_emotion(EmotionRequest(label=word)))[4] for word in ("anger", "fury", "annoyance"))
    assert annoyance < anger < fury


def test_extraversion_and_factors_scale_the_face():
    def smile(**changes):
        return peaks(plan_emotion(EmotionRequest(label="joy", **changes)))[12]

    assert smile(personality=Personality(extraversion=-0.8)) < smile() < smile(personality=Personality(extraversion=0.5))
    assert smile(factors=IntensityFactors(depth=0.1)) < smile() < smile(factors=IntensityFactors(willingness=0.9))
    assert smile(factors=IntensityFactors(effort=1.0)) < smile()


def test_frequency_renews_holds_more_often():
    def movements(frequency):
        factors = IntensityFactors(frequency=frequency)
        return sum(
            len(plan_emotion(EmotionRequest(label="fear", duration_s=20.0, factors=factors), seed=s).segments[0].actions)
            for s in range(6)
        )

    assert movements(0.0) < movements(1.0)


def test_threshold_hides_lesser_emotions():
    mixture = {"joy": 0.86, "fear": 0.14}
    open_, closed = (
        peaks(plan_emotion(EmotionRequest(mixture=mixture, factors=IntensityFactors(threshold=value)))) for value in (0.0, 1.0)
    )
    assert closed == peaks(plan_emotion(EmotionRequest(label="joy")))
    assert open_ != closed


class TestMask:
    PLAN = plan_emotion(EmotionRequest(label="sadness", mask="joy", duration_s=12.0))

    def test_mouth_obeys_and_brows_do_not(self):
        shown = peaks(self.PLAN)
        assert shown[12] > 0.5
        assert shown[1] > 0.2
        assert 6 not in shown or shown[6] < 0.2

    def test_the_felt_mouth_flashes_briefly(self):
        leaks = [action for action in self.PLAN.segments[0].actions if "flashes" in action.cause]
        assert leaks
        assert all(action.onset_s + action.apex_s + action.offset_s <= 0.5 for action in leaks)
        assert all(action.level < 0.3 for action in leaks)

    def test_music_stays_with_what_is_felt(self):
        sad = plan_emotion(EmotionRequest(label="sadness", duration_s=12.0)).segments[0].music
        assert self.PLAN.segments[0].music.tempo_bpm == pytest.approx(sad.tempo_bpm, abs=1.0)
        assert self.PLAN.segments[0].music.mode == sad.mode

    def test_both_are_in_the_soft_label_and_the_chain_says_so(self):
        assert set(self.PLAN.segments[0].distribution) == {"sadness", "joy"}
        assert any("is felt, joy shown over it" in step.inference for step in self.PLAN.steps)

    def test_discordance_sets_how_much_leaks(self):
        brows = [
            peaks(plan_emotion(EmotionRequest(label="sadness", mask="joy", discordance=value))).get(1, 0.0)
            for value in (0.0, 0.5, 1.0)
        ]
        assert brows[0] == 0.0
        assert brows[1] < brows[2]

    def test_a_text_of_two_minds_splits_the_face(self):
        plan = plan_emotion(EmotionRequest(text="I keep smiling through my sadness, I am so happy for you.", duration_s=3.0))
        assert any("of two minds" in step.inference for step in plan.steps)


def test_unlikely_pairs_are_weakened_only_when_read():
    read, notes = penalise_unlikely({"joy": 0.6, "disgust": 0.4})
    assert read["disgust"] < 0.25
    assert "disgust x 0.35" in notes[0]
    asked = plan_emotion(EmotionRequest(mixture={"joy": 0.6, "disgust": 0.4}))
    assert asked.segments[0].distribution["disgust"] == pytest.approx(0.4)


def test_all_inclusive_rule_keeps_every_label():
    assert aggregate_labels([["joy"], ["joy", "awe"], ["fear"]]) == pytest.approx({"joy": 0.5, "fear": 1 / 3, "awe": 1 / 6})


def test_strongest_never_empty():
    assert strongest({"joy": 0.01, "fear": 0.02}, 3, 0.5) == {"fear": 1.0}


@pytest.mark.parametrize(
    "node", ["joy", "sadness", "anger", "fear", "surprise", "disgust", "contempt", "pride", "pain", "confusion"]
)
def test_faces_are_read_back_by_other_rules(node):
    face = compose_face(state(**{node: 1}), 0)
    head = compose_head(state(**{node: 1}), PLAIN, 0)
    verdict = check_face(face, head, state(**{node: 1}))
    assert verdict.agrees
    assert {row.table for row in face.rows}.isdisjoint(verdict.tables)


def test_a_wrong_face_is_corrected_once_and_the_correction_is_recorded():
    plan = plan_emotion(EmotionRequest(label="outrage"))
    (step,) = [step for step in plan.steps if step.kind == "check"]
    assert "raised AU" in step.inference
    assert step.sets
    raised = {action.cause for action in plan.segments[0].actions if "raised by the check" in action.cause}
    assert raised


@pytest.mark.parametrize("label", ["sadness", "surprise", "fear", "anger"])
def test_prototypes_are_read_by_other_publications(label):
    units = load_config("emotion/prototypes.yaml")["emfacs"]["rows"][label]["aus"]
    assert next(iter(read_face(dict.fromkeys(units, 1.0), ["keltner2019", "cordaro_icp"]))) == label


def test_head_movements_count_as_action_units():
    assert set(head_units(HeadGazeTarget(pitch_rad=-0.2, roll_rad=0.1, gaze_aversion_rad=0.3))) == {54, 56, 64}
    assert read_face({}) == {"neutral": 1.0}


@pytest.mark.parametrize(("pressed", "parted", "kept"), [(0.5, 0.4, {24}), (0.5, 0.5, {24}), (0.4, 0.5, {25, 26})])
def test_the_stronger_side_wins_and_the_first_where_they_are_equal(pressed, parted, kept):
    settled, changes = settle_conflicts({24: pressed, 25: parted, 26: min(parted, 0.3)})
    assert set(settled) == kept
    assert [rule for rule, _ in changes] == ["pressed_lips"]
