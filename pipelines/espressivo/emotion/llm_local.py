"""A language model in a folder on this machine, through transformers; llguidance keeps its reply to the schema."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from espressivo.emotion.llm_client import CallError, ChatMessage, ResponseFormat
from espressivo.errors import SettingError

__all__ = ["LocalLanguageModel"]


@dataclass(frozen=True)
class LocalLanguageModel:
    """A causal language model with its tokenizer, as ``save_pretrained`` writes them; safetensors only, nothing is fetched.

    Needs the extra ``espressivo[llm]``.

    Attributes:
        folder: Where the model is.
        timeout_s: Longest time for the whole conversation.
        max_calls: Most replies for one plan, the repair included.
        max_tokens: Longest reply.
    """

    folder: Path
    timeout_s: float = 300.0
    max_calls: int = 2
    max_tokens: int = 3000

    @property
    def model(self) -> str:
        """How the trace names it."""
        return self.folder.name

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any]:
        """Tokenizer, network, and the tokenizer as llguidance sees it."""
        try:
            import llguidance.hf
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise SettingError("setting.language_model", f"{error.name} is not installed; install espressivo[llm]") from error
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, **local)
            network: Any = AutoModelForCausalLM.from_pretrained(self.folder, use_safetensors=True, **local)
            guided = llguidance.hf.from_tokenizer(tokenizer, n_vocab=network.config.vocab_size)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise SettingError("setting.language_model", f"no usable language model in {self.folder.name!r}: {reason}") from error
        return tokenizer, network.eval(), guided

    def chat(
        self, messages: Sequence[ChatMessage], response_format: ResponseFormat, schema: dict[str, Any], deadline: float
    ) -> str:
        """One reply, token by token within the schema; the likeliest token each time, so the same request gets the same reply.

        Raises:
            CallError: Time ran out before the reply was complete, or the request does not fit the model.
            SettingError: ``setting.language_model`` when the model cannot be loaded.
        """
        import torch
        from llguidance import LLMatcher

        del response_format  # every reply keeps to the schema
        tokenizer, network, guided = self._loaded
        # Without free white space: it costs tokens, and a poor model may never end it.
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults={"whitespace_flexible": False})
        matcher = LLMatcher(guided, grammar)
        tokens = torch.tensor([tokenizer.encode(_prompt(tokenizer, messages))])  # (1, N)
        room = (getattr(network.config, "max_position_embeddings", None) or self.max_tokens + tokens.shape[1]) - tokens.shape[1]
        if room <= 0:
            raise CallError(f"the request has {tokens.shape[1]} tokens, more than the model reads")
        reply: list[int] = []
        past = None
        with torch.inference_mode():
            while not matcher.is_stopped() and len(reply) < min(self.max_tokens, room):
                if time.monotonic() > deadline:
                    raise CallError(f"no complete reply within {self.timeout_s:g} s")
                output = network(tokens, past_key_values=past, use_cache=True)
                past = output.past_key_values
                allowed = torch.frombuffer(bytearray(matcher.compute_logit_bias()), dtype=torch.uint8) > 0  # (V,)
                chosen = int(output.logits[0, -1, : len(allowed)].masked_fill(~allowed, -torch.inf).argmax())
                matcher.consume_token(chosen)
                reply.append(chosen)
                tokens = torch.tensor([[chosen]])
        return str(tokenizer.decode(reply, skip_special_tokens=True))


def _prompt(tokenizer: Any, messages: Sequence[ChatMessage]) -> str:  # noqa: ANN401 - transformers' tokenizers share no type
    """The conversation in the model's own template, or as plain paragraphs where it has none."""
    if tokenizer.chat_template:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages) + "\n\nassistant: "
