"""How the demo is served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["DemoSettings"]

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class DemoSettings(BaseModel):
    """Settings of a demo server.

    Attributes:
        host: Address to listen on; anything but the loopback needs ``auth_file``.
        port: Port, 0 for any free one.
        auth_file: Lines of ``user:password`` for those who may use the page.
        num_renders: Renders at the same time, all visitors together.
        num_previews: Previews at the same time, likewise.
        max_waiting: Visitors in the queue; more are asked to come back.
        max_upload_mb: Largest upload.
        max_speech_s: Longest speech.
        max_batch_jobs: Most jobs in one batch run.
        job_timeout_s: Longest a job of a batch may take.
        keep_s: How long uploads and results are kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 7860
    auth_file: Path | None = None
    num_renders: Annotated[int, Field(ge=1, le=16)] = 1
    num_previews: Annotated[int, Field(ge=1, le=16)] = 2
    max_waiting: Annotated[int, Field(ge=1, le=200)] = 16
    max_upload_mb: Annotated[int, Field(ge=1, le=500)] = 40
    max_speech_s: Annotated[float, Field(ge=1.0, le=1800.0)] = 120.0
    max_batch_jobs: Annotated[int, Field(ge=1, le=1000)] = 50
    job_timeout_s: Annotated[float, Field(ge=10.0, le=7200.0)] = 600.0
    keep_s: Annotated[int, Field(ge=60, le=604800)] = 3600

    @model_validator(mode="after")
    def _exposed_only_with_auth(self) -> DemoSettings:
        if self.host not in LOOPBACK and self.auth_file is None:
            message = f"listening on {self.host} shows the demo to others; give an auth_file with user:password lines"
            raise ValueError(message)
        return self
