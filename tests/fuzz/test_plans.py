"""Plans edited by careless hands: a value removed or replaced anywhere gives a plan or a typed error."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.intake import receive, think
from espressivo.emotion.plan import EmotionPlan, load_plan
from espressivo.errors import EspressivoError

PLAN = json.loads(think(receive("fear turning to relief", None, duration_s=3.0)).to_json())
ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


PLACES = places(PLAN)[1:]


def loaded(content: bytes, folder: Path) -> EmotionPlan | None:
    path = folder / "plan.json"
    path.write_bytes(content)
    try:
        return load_plan(path)
    except EspressivoError:
        return None


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(PLACES), value=ODD_VALUES, removed=st.booleans())
def test_an_odd_value_anywhere(place: tuple[Any, ...], value: Any, removed: bool, tmp_path_factory: Any) -> None:
    edited = json.loads(json.dumps(PLAN))
    holder = edited
    for key in place[:-1]:
        holder = holder[key]
    if removed:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    plan = loaded(json.dumps(edited).encode(), tmp_path_factory.getbasetemp())
    if plan is not None:
        assert EmotionPlan.model_validate_json(plan.to_json()) == plan


@settings(deadline=None)
@given(content=st.binary(max_size=200) | st.text('{}[]":,segments0.1', max_size=100).map(str.encode))
def test_any_content(content: bytes, tmp_path_factory: Any) -> None:
    assert loaded(content, tmp_path_factory.getbasetemp()) is None


def test_a_plan_as_it_was_saved_is_read(tmp_path: Path) -> None:
    assert loaded(json.dumps(PLAN).encode(), tmp_path) is not None
