"""Every way in which a language model may answer, replayed by a server on the loopback: always a valid plan, path recorded."""

import json
import time

import pytest

from espressivo.emotion.llm_planner import LanguageModel, plan_with_language_model
from espressivo.emotion.llm_reply import ReplyError, read_reply, reply_schema
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import DialogueTurn, EmotionRequest
from espressivo.errors import EmotionInputError, SettingError
from espressivo.evaluation.emotion_stub import GOOD_REPLY, StubServer, completion

GOOD = GOOD_REPLY
BAD_ENUM = GOOD.replace('"joy"', '"zorblax"')
BAD_UNIT = GOOD.replace('"action_unit": 12', '"action_unit": 37')
BAD_RANGE = GOOD.replace('"tempo_bpm": 141', '"tempo_bpm": 1000')
OUT_OF_ORDER = GOOD.replace('"start_percent": 0', '"start_percent": 70')


REQUEST = parse_emotion("I can't believe we won!")


def ask(*answers, **changes):
    with StubServer(*answers) as stub:
        started = time.monotonic()
        plan = plan_with_language_model(REQUEST, stub.settings(**changes), seed=4)
        elapsed = time.monotonic() - started
    assert EmotionPlan.from_json(plan.to_json()) == plan
    return plan, stub, elapsed


def test_good_reply_becomes_the_plan():
    plan, stub, _ = ask(completion(GOOD))
    assert plan.planner == "llm:json_schema"
    assert plan.fallback_reason is None
    assert [segment.label for segment in plan.segments] == ["joy", "awe"]
    assert plan.segments[1].start_s == pytest.approx(4.8)
    assert plan.segments[0].music.tempo_bpm == 141
    assert plan.segments[0].music.mode == "lydian"
    smile = [action for action in plan.segments[0].actions if action.action_unit == 12]
    assert max(action.level for action in smile) == 1.0
    brow = [action for action in plan.segments[0].actions if action.action_unit == 2]
    assert {action.side for action in brow} == {"L"}
    cited = {step.id: step for step in plan.steps}
    assert "language model" in cited[smile[0].step].source
    assert any(step.inference == "a long wait is over" and step.kind == "cause" for step in plan.steps)
    body = stub.requests[0]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert "offline_reading" in body["messages"][1]["content"]
    assert len(stub.requests) == 1


def test_prose_and_code_fences_around_the_json_are_skipped():
    plan, _, _ = ask(completion(f"Sure, {{here}} it is:\n```json\n{GOOD}\n```\nEnjoy!"))
    assert plan.planner == "llm:json_schema"


@pytest.mark.parametrize(
    "broken", [BAD_ENUM, BAD_UNIT, BAD_RANGE, OUT_OF_ORDER, GOOD[:200], "I feel happy for you.", "{}", "[]", ""]
)
def test_one_repair_quotes_the_error(broken):
    plan, stub, _ = ask(completion(broken), completion(GOOD))
    assert plan.planner == "llm:json_schema+repair"
    assert "cannot be used" in stub.requests[1]["messages"][-1]["content"]
    assert "one repair" in plan.steps[0].observation


def test_twice_wrong_falls_back_to_rules():
    plan, stub, _ = ask(completion(BAD_ENUM))
    assert plan.planner == "rules"
    assert "no known emotion" in plan.fallback_reason
    assert len(stub.requests) == 2
    assert plan.segments == plan_emotion(REQUEST, seed=4).segments


def test_server_without_schemas_is_asked_for_an_object():
    def picky(_handler, body):
        return completion(GOOD) if body["response_format"]["type"] == "json_object" else (400, b"unsupported")

    plan, stub, _ = ask(picky)
    assert plan.planner == "llm:json_object"
    assert "json_schema" not in stub.requests[1]["response_format"]


def test_busy_server_is_asked_again_once():
    plan, stub, _ = ask((503, b""), completion(GOOD))
    assert plan.planner == "llm:json_schema"
    assert len(stub.requests) == 2
    plan, stub, _ = ask((500, b""))
    assert "HTTP status 500" in plan.fallback_reason
    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, b"who are you"), "HTTP status 401"),
        ((302, b""), "HTTP status 302"),
        ((200, b"<html>"), "not that of a chat completion"),
        ((200, b'{"choices": []}'), "not that of a chat completion"),
        ((200, b'{"choices": [{"message": {"content": null}}]}'), "no text"),
        ((200, b"[" * 100000), "not that of a chat completion"),
        ((200, b"x" * 1_100_000), "too long"),
    ],
)
def test_strange_answers_fall_back(answer, reason):
    plan, _, _ = ask(answer)
    assert plan.planner == "rules"
    assert reason in plan.fallback_reason


def test_silent_and_dripping_servers_are_left_in_time():
    def silent(_handler, _body):
        time.sleep(1.0)
        return None, b""

    def dripping(handler, _body):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(20):
            try:
                handler.wfile.write(b" ")
            except OSError:
                break
            time.sleep(0.1)
        return None, b""

    for server in (silent, dripping):
        plan, _, elapsed = ask(server, timeout_s=0.5)
        assert plan.planner == "rules"
        assert elapsed < 1.9


def test_nobody_there():
    with StubServer((200, b"")) as stub:
        settings = stub.settings(timeout_s=2.0)
    plan = plan_with_language_model(REQUEST, settings)
    assert "no connection" in plan.fallback_reason


def test_calls_are_capped():
    plan, stub, _ = ask((503, b""), max_calls=1)
    assert len(stub.requests) == 1
    assert plan.planner == "rules"


def test_key_is_sent_and_never_kept():
    with StubServer((500, b"")) as stub:
        settings = stub.settings(api_key="sk-very-secret")
        plan = plan_with_language_model(REQUEST, settings)
    assert stub.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert "very-secret" not in repr(settings) + str(settings) + plan.to_json()
    assert "127.0.0.1" not in plan.to_json()


@pytest.mark.parametrize("endpoint", ["file:///etc/passwd", "ftp://host/v1", "localhost:8080", "http://"])
def test_only_web_addresses(endpoint):
    with pytest.raises(SettingError, match="language model, endpoint"):
        LanguageModel.checked(endpoint=endpoint, model="m")


def test_unknown_label_is_the_users_error_not_the_models():
    with StubServer(completion(GOOD)) as stub, pytest.raises(EmotionInputError):
        plan_with_language_model(EmotionRequest(label="joyy"), stub.settings())
    assert stub.requests == []


def test_any_form_of_request_can_be_sent():
    forms = [
        parse_emotion("joy -> fear"),
        parse_emotion("0.1,0.2,0.3"),
        EmotionRequest(dialogue=(DialogueTurn(speaker="A", text="Go away!"), DialogueTurn(speaker="B", text="Why?"))),
    ]
    with StubServer(completion(GOOD)) as stub:
        for request in forms:
            assert plan_with_language_model(request, stub.settings()).planner == "llm:json_schema"


def test_schema_is_portable():
    schema = reply_schema()
    assert next(iter(schema["properties"])) == "steps"

    def visit(node):
        if isinstance(node, dict):
            assert "pattern" not in node
            assert node.get("maxLength", 0) < 2000
            assert "number" not in str(node.get("type"))
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(schema)
    assert len(json.dumps(schema)) < 8000


def test_read_reply_accepts_word_forms_and_ignores_extras():
    changed = json.loads(GOOD)
    changed["segments"][0]["emotions"][0]["name"] = "Joyful"
    changed["confidence"] = 0.9
    assert read_reply(json.dumps(changed)).segments[0].emotions[0].name == "Joyful"
    with pytest.raises(ReplyError, match="no complete JSON"):
        read_reply("{" * 5000)
