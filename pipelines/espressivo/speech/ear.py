"""The phone network listening to one recording, once and only when somebody asks what it hears."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from espressivo.speech.features import SpeechFeatures
from espressivo.threads import IMPORTING, one_torch_thread

if TYPE_CHECKING:
    from espressivo.speech.phone_network import PhoneNetwork, PhoneRecognition

__all__ = ["Ear"]


class Ear:
    """Hears phones and lips without knowing the language. Where a transcript fits, it is never asked, and torch never loaded.

    Args:
        features: Of the recording.
        network: Who listens; default: the bundled network.
    """

    def __init__(self, features: SpeechFeatures, network: PhoneNetwork | None = None) -> None:
        self._features = features
        self._network = network

    @cached_property
    def heard(self) -> PhoneRecognition:
        """What the network hears in the whole recording."""
        with IMPORTING:
            from espressivo.speech.phone_network import recognise_phones

        with one_torch_thread():
            return recognise_phones(self._features, self._network)
