"""A real causal language model of tiny size, with random weights: its words are nonsense, its form is not."""

import time

import pytest

from espressivo.emotion.llm_local import LocalLanguageModel
from espressivo.emotion.llm_planner import plan_with_language_model
from espressivo.emotion.llm_reply import read_reply, reply_schema
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError

pytest.importorskip("llguidance")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPTJConfig, GPTJForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<eos>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(['{"steps": [{"kind": "tracking"}]}', "joy sadness anger fear"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>")  # noqa: S106 - no password
    torch.manual_seed(0)
    size = {"n_positions": 16384, "n_embd": 16, "n_layer": 1, "n_head": 2, "rotary_dim": 4}
    network = GPTJForCausalLM(GPTJConfig(vocab_size=len(fast), bos_token_id=0, eos_token_id=0, **size))
    with torch.no_grad():  # a liking for quotes and brackets, so that strings and lists end, and for 0, where time begins
        for text in ('"', "]", "}", "0"):
            network.lm_head.bias[fast.convert_tokens_to_ids(text)] = 20.0
    where = tmp_path_factory.mktemp("model")
    network.save_pretrained(where)
    fast.save_pretrained(where)
    return where


def ask(model):
    return model.chat([{"role": "user", "content": "joy"}], "json_schema", reply_schema(), time.monotonic() + 60)


def test_a_reply_keeps_to_the_schema_and_repeats(folder):
    reply = ask(LocalLanguageModel(folder, max_tokens=6000))
    assert read_reply(reply).segments
    assert ask(LocalLanguageModel(folder, max_tokens=6000)) == reply


def test_the_reply_becomes_a_plan(folder):
    request = parse_emotion("I am so happy today")
    plan = plan_with_language_model(request, LocalLanguageModel(folder, max_tokens=6000))
    assert EmotionPlan.from_json(plan.to_json()) == plan
    assert plan.fallback_reason is None
    assert plan.planner.startswith("llm:")


def test_a_reply_that_is_cut_leaves_the_rules(folder):
    plan = plan_with_language_model(parse_emotion("joy"), LocalLanguageModel(folder, max_tokens=20))
    assert plan.planner == "rules"
    assert plan.fallback_reason


def test_time_runs_out(folder):
    plan = plan_with_language_model(parse_emotion("joy"), LocalLanguageModel(folder, timeout_s=1e-6))
    assert "no complete reply" in plan.fallback_reason


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SettingError, match="no usable language model"):
        plan_with_language_model(parse_emotion("joy"), LocalLanguageModel(tmp_path))
