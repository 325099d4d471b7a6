"""One call to an OpenAI-compatible chat endpoint by plain HTTP; bounded in time and size, and silent about keys and texts."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, SecretStr, ValidationError, field_validator

from espressivo.emotion.plan import Contract
from espressivo.errors import SettingError

__all__ = ["CallError", "ChatMessage", "ChatModel", "FormatError", "LanguageModel", "ResponseFormat", "chat"]

ResponseFormat = Literal["json_schema", "json_object"]
ChatMessage = Mapping[str, str]
MAX_REPLY_BYTES = 1_000_000
CHUNK_BYTES = 16_384
RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})
UNSUPPORTED_STATUS = frozenset({400, 404, 415, 422, 501})
RETRY_PAUSE_S = 0.2


class CallError(Exception):
    """The endpoint gave no usable answer; the message names the reason and no content."""


class FormatError(CallError):
    """The endpoint refused this way of asking for JSON."""


class ChatModel(Protocol):
    """A language model, wherever it runs."""

    @property
    def model(self) -> str:
        """How the trace names it."""

    @property
    def timeout_s(self) -> float:
        """Longest time for the whole conversation."""

    @property
    def max_calls(self) -> int:
        """Most replies for one plan, retries and repair included."""

    def chat(
        self, messages: Sequence[ChatMessage], response_format: ResponseFormat, schema: dict[str, Any], deadline: float
    ) -> str:
        """Ask once and return the text of the reply; raises :class:`CallError`."""


class LanguageModel(Contract):
    """Where a language model is and what it may cost.

    Attributes:
        endpoint: Base address of an OpenAI-compatible server, e.g. ``"http://127.0.0.1:8080/v1"``.
        model: Name that the server knows it by.
        api_key: Sent as a bearer token; never logged, shown or saved.
        timeout_s: Longest time for the whole conversation.
        max_calls: Most requests for one plan, retries and repair included.
        max_tokens: Longest reply.
    """

    endpoint: Annotated[str, Field(min_length=8, max_length=500)]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    api_key: SecretStr | None = None
    timeout_s: Annotated[float, Field(gt=0.0, le=600.0)] = 30.0
    max_calls: Annotated[int, Field(ge=1, le=10)] = 4
    max_tokens: Annotated[int, Field(ge=256, le=16384)] = 3000

    @field_validator("endpoint")
    @classmethod
    def _http(cls, endpoint: str) -> str:
        parts = urllib.parse.urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = "the endpoint must begin with http:// or https:// and name a host"
            raise ValueError(message)
        return endpoint.rstrip("/")

    @classmethod
    def checked(cls, **fields: Any) -> Self:  # noqa: ANN401 - checked by the model itself
        """A language model from user settings.

        Raises:
            SettingError: ``setting.language_model``, naming the field.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SettingError("setting.language_model", f"language model, {where}: {first['msg']}") from error

    def chat(
        self, messages: Sequence[ChatMessage], response_format: ResponseFormat, schema: dict[str, Any], deadline: float
    ) -> str:
        """As :func:`chat`."""
        return chat(self, messages, response_format, schema, deadline)


def chat(
    settings: LanguageModel,
    messages: Sequence[ChatMessage],
    response_format: ResponseFormat,
    schema: Mapping[str, Any],
    deadline: float,
) -> str:
    """Ask once and return the text of the reply.

    Args:
        settings: Where to ask.
        messages: The conversation so far.
        response_format: How JSON is asked for.
        schema: JSON schema of the reply, sent with ``json_schema``.
        deadline: ``time.monotonic()`` at which to give up.

    Raises:
        FormatError: The server does not know this response format.
        CallError: Anything else: no connection, an error status, too slow, too long, not the expected envelope.
    """
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": list(messages),
        "temperature": 0,
        "max_tokens": settings.max_tokens,
        "response_format": {"type": response_format},
    }
    if response_format == "json_schema":
        body["response_format"]["json_schema"] = {"name": "plan", "strict": True, "schema": schema}
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked by LanguageModel
        f"{settings.endpoint}/chat/completions", data=json.dumps(body).encode(), headers=headers, method="POST"
    )
    raw = _send(request, deadline)
    try:
        content = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise CallError("the endpoint's answer is not that of a chat completion") from error
    if not isinstance(content, str):
        raise CallError("the model returned no text")
    return content


def _send(request: urllib.request.Request, deadline: float) -> bytes:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise CallError("out of time")
    try:
        with _OPENER.open(request, timeout=remaining) as response:
            return _read(response, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in RETRIED_STATUS:
            raise CallError(f"HTTP status {error.code}") from None
        if error.code in UNSUPPORTED_STATUS:
            raise FormatError(f"HTTP status {error.code}") from None
        raise CallError(f"HTTP status {error.code}") from None
    except TimeoutError:
        raise CallError("no answer in time") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None)
        if isinstance(reason, TimeoutError):
            raise CallError("no answer in time") from None
        raise CallError(f"no connection ({type(reason or error).__name__})") from None


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    chunks = []
    size = 0
    while chunk := response.read1(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_REPLY_BYTES:
            raise CallError("the answer is too long")
        if time.monotonic() > deadline:
            raise CallError("the answer came too slowly")
    return b"".join(chunks)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key must not follow a redirect to another host."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
