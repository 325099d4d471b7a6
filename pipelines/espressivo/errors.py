"""Every error that leaves the package, as one tree.

    EspressivoError                      code prefix
    ├── InputError                       something the user gave cannot be used      (CLI exit status 2)
    │   ├── EmotionInputError            emotion.*
    │   ├── PlanError                    plan.*
    │   ├── ImageInputError              image.*
    │   ├── AudioInputError              audio.*
    │   ├── VideoInputError              video.*
    │   ├── MidiInputError               midi.*
    │   ├── TrackError                   track.*
    │   ├── ManifestError                manifest.*
    │   ├── FileInputError               file.*
    │   ├── SettingError                 setting.*
    │   └── ConsentError                 consent.*
    ├── CheckpointError                  checkpoint.*  weights missing, altered or malformed
    ├── RenderError                      render.*      a stage failed on input that was accepted
    ├── EncodeError                      encode.*      writing a file failed (disk, codec)
    └── Cancelled                        cancelled     the caller asked to stop

Messages say what was found, what is accepted and what to do. The ``code`` of an error is stable: command line, batch
records and the demo key on it.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AudioInputError",
    "Cancelled",
    "CheckpointError",
    "ConsentError",
    "EmotionInputError",
    "EncodeError",
    "EspressivoError",
    "FileInputError",
    "ImageInputError",
    "InputError",
    "ManifestError",
    "MidiInputError",
    "PlanError",
    "RenderError",
    "SettingError",
    "TrackError",
    "VideoInputError",
]


class EspressivoError(Exception):
    """Base of all errors of the package.

    Args:
        code: Stable identifier such as ``"image.no_face"``; must begin with the prefix of the class.
        message: One line for the user.
    """

    prefix: ClassVar[str] = ""

    def __init__(self, code: str, message: str) -> None:
        if not code.startswith(self.prefix):
            unexpected = f"code {code!r} does not belong to {type(self).__name__} ({self.prefix!r})"
            raise ValueError(unexpected)
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[EspressivoError], tuple[str, str]]:
        """Errors cross process borders in batch runs, with their code."""
        return type(self), (self.code, self.message)


class InputError(EspressivoError):
    """Something the user gave cannot be used; nothing was written."""


class EmotionInputError(InputError):
    """An emotion that cannot be understood."""

    prefix = "emotion."


class PlanError(InputError):
    """A plan that is malformed or contradicts itself."""

    prefix = "plan."


class ImageInputError(InputError):
    """A picture that cannot be decoded or shows no usable face."""

    prefix = "image."


class AudioInputError(InputError):
    """A sound file that cannot be decoded or holds no usable signal."""

    prefix = "audio."


class VideoInputError(InputError):
    """A video file that cannot be read."""

    prefix = "video."


class MidiInputError(InputError):
    """A MIDI file that is malformed or beyond the limits."""

    prefix = "midi."


class TrackError(InputError):
    """A facial action track that is malformed."""

    prefix = "track."


class FileInputError(InputError):
    """A file of any kind, given to be verified or signed, that cannot be read."""

    prefix = "file."


class ManifestError(InputError):
    """A batch manifest with rows that cannot be run, or a run folder that cannot be used."""

    prefix = "manifest."


class SettingError(InputError):
    """An option outside its range, or options that exclude each other."""

    prefix = "setting."


class ConsentError(InputError):
    """A portrait without a declared basis for using it."""

    prefix = "consent."


class CheckpointError(EspressivoError):
    """Weights that are missing, altered or malformed."""

    prefix = "checkpoint."


class RenderError(EspressivoError):
    """A stage failed on input that was accepted."""

    prefix = "render."


class EncodeError(EspressivoError):
    """Writing a result failed."""

    prefix = "encode."


class Cancelled(EspressivoError):  # noqa: N818 - stopping on request is no error of anybody
    """The caller asked to stop."""

    prefix = "cancelled"

    def __init__(self, code: str = "cancelled", message: str = "stopped at the caller's request") -> None:
        super().__init__(code, message)
