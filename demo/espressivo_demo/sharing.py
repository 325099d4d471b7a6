"""Everything that is set on the page as one JSON document, to keep, to send and to open again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.request import MAX_TEXT_CHARACTERS, Personality
from espressivo.errors import SettingError
from espressivo.media.source import read_bounded
from espressivo.music.settings import MusicSettings
from espressivo.seeds import MAX_SEED
from espressivo.settings import TalkSettings

__all__ = ["PageSettings"]

MAX_BYTES: Final = 5 * 1024 * 1024
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class PageSettings(BaseModel):
    """The page without its pictures and sounds.

    Attributes:
        version: Of this document.
        emotion: The words.
        intensity: 0-1.
        length_s: Length where nothing is said.
        personality: Whose feeling it is.
        plan: The plan with all edits.
        transcript: What is said.
        talk: Settings of the talking head. A consent is declared for a portrait, which is not in here, so it is not either.
        talk_seed: Seed of films; ``None`` draws one.
        music: Settings of the music.
        music_length_s: Length of the music.
        music_seed: Seed of the music; ``None`` draws one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal["1"] = "1"
    emotion: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
    intensity: Annotated[float, Field(ge=0.0, le=1.0)]
    length_s: Annotated[float, Field(ge=2.0, le=60.0)]
    personality: Personality = Personality()
    plan: EmotionPlan
    transcript: Annotated[str, Field(max_length=20_000)] = ""
    talk: TalkSettings = TalkSettings()
    talk_seed: Seed | None = None
    music: MusicSettings = MusicSettings()
    music_length_s: Annotated[float, Field(ge=4.0, le=180.0)] = 30.0
    music_seed: Seed | None = None

    @classmethod
    def of(cls, **values: Any) -> PageSettings:  # noqa: ANN401 - checked by the model
        """Check values.

        Raises:
            SettingError: ``setting.invalid``, naming the first that is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _refused(error) from error

    @classmethod
    def load(cls, path: Path) -> PageSettings:
        """Read a document of at most 5 MB.

        Raises:
            SettingError: ``setting.unreadable`` or ``setting.invalid``.
        """
        try:
            return cls.model_validate_json(read_bounded(path, SettingError, max_bytes=MAX_BYTES))
        except ValidationError as error:
            raise _refused(error) from error

    def to_json(self) -> str:
        """The document, indented."""
        return self.model_dump_json(indent=2) + "\n"


def _refused(error: ValidationError) -> SettingError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "settings"
    return SettingError("setting.invalid", f"{where}: {first['msg']}")
