"""Content Credentials (C2PA): a signed statement, inside the file, of how it was made.

Needs the extra ``espressivo[c2pa]`` and a certificate of the operator, who vouches with it. Works offline: no time-stamp
authority is asked. Every signature differs, so sign finished files and keep the unsigned ones where bytes are compared.

Reference: C2PA Technical Specification 2.1, "Actions" (c2pa.created) and "digitalSourceType".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from espressivo.errors import EncodeError, FileInputError, SettingError
from espressivo.media.atomic import atomic_output
from espressivo.media.limits import MAX_SIDECAR_BYTES, MAX_VIDEO_BYTES
from espressivo.media.source import open_regular, read_bounded

__all__ = ["ALGORITHMS", "ContentCredentials", "read_credentials", "sign_file"]

ALGORITHMS: Final = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
SIGNABLE: Final = (".mp4", ".wav", ".png")


@dataclass(frozen=True, slots=True)
class ContentCredentials:
    """What the signed statement says, and what it is worth.

    Attributes:
        state: ``"Valid"``, ``"Trusted"`` or ``"Invalid"``, as the C2PA library judges.
        issuer: Who signed, as the certificate says.
        digital_source_type: IPTC NewsCode of the ``c2pa.created`` action.
        problems: Codes of what the library found wrong, ``signingCredential.untrusted`` without a known root.
    """

    state: str
    issuer: str
    digital_source_type: str
    problems: tuple[str, ...]


def sign_file(
    path: Path,
    output: Path,
    *,
    certificate: Path,
    private_key: Path,
    digital_source_type: str,
    tool_version: str,
    algorithm: str = "es256",
) -> None:
    """Write a signed copy of a finished mp4, wav or png.

    Args:
        path: What to sign.
        output: Where the signed copy goes; may be ``path``.
        certificate: PEM chain, the signer's certificate first.
        private_key: PEM key of the first certificate.
        digital_source_type: IPTC NewsCode, e.g. of :class:`espressivo.provenance.Provenance`.
        tool_version: Named as the maker.
        algorithm: One of :data:`ALGORITHMS`, fitting the key.

    Raises:
        SettingError: ``setting.c2pa`` without the extra, or for an unknown algorithm or file kind.
        InputError: A file cannot be read.
        EncodeError: ``encode.c2pa`` when certificate and key do not serve, or the copy cannot be written.
    """
    c2pa = _library()
    if algorithm not in ALGORITHMS or path.suffix.lower() not in SIGNABLE:
        accepted = f"accepted: {', '.join(ALGORITHMS)} for files ending in {', '.join(SIGNABLE)}"
        raise SettingError("setting.c2pa", f"cannot sign {path.name!r} with {algorithm!r}; {accepted}")
    chain = read_bounded(certificate, FileInputError, max_bytes=MAX_SIDECAR_BYTES)
    key = read_bounded(private_key, FileInputError, max_bytes=MAX_SIDECAR_BYTES)
    with open_regular(path, FileInputError, max_bytes=MAX_VIDEO_BYTES):
        statement = _statement(path, digital_source_type, tool_version)
    with atomic_output(output) as temporary:
        temporary.unlink()  # the library insists on making the file
        try:
            signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, key, None))
            c2pa.Builder(json.dumps(statement)).sign_file(path, temporary, signer)
        except (c2pa.C2paError, ValueError, TypeError) as error:
            reason = str(error).partition("\n")[0][:160]
            raise EncodeError(
                "encode.c2pa", f"{path.name!r} cannot be signed: {reason}; check certificate chain and key"
            ) from error


def read_credentials(path: Path) -> ContentCredentials | None:
    """The signed statement of a file; ``None`` where it carries none.

    Raises:
        SettingError: ``setting.c2pa`` without the extra.
        InputError: The file cannot be read, or what it carries is damaged.
    """
    c2pa = _library()
    with open_regular(path, FileInputError, max_bytes=MAX_VIDEO_BYTES):
        pass
    try:
        with c2pa.Reader(path) as reader:
            found = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, ValueError) as error:
        raise FileInputError("file.malformed", f"the content credentials of {path.name!r} cannot be read") from error
    manifest = found["manifests"][found["active_manifest"]]
    return ContentCredentials(
        state=str(found.get("validation_state", "Invalid")),
        issuer=str(manifest.get("signature_info", {}).get("issuer", "")),
        digital_source_type=_source_type(manifest),
        problems=tuple(str(status.get("code")) for status in found.get("validation_status", [])),
    )


def _library() -> Any:  # noqa: ANN401 - an optional package without types
    try:
        import c2pa
    except ImportError as error:
        raise SettingError("setting.c2pa", "C2PA is not installed; install espressivo[c2pa]") from error
    return c2pa


def _statement(path: Path, digital_source_type: str, tool_version: str) -> dict[str, object]:
    created = {"action": "c2pa.created", "digitalSourceType": digital_source_type}
    return {
        "claim_generator_info": [{"name": "espressivo", "version": tool_version}],
        "title": path.name,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
    }


def _source_type(manifest: dict[str, Any]) -> str:
    for assertion in manifest.get("assertions", []):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                if action.get("action") == "c2pa.created":
                    return str(action.get("digitalSourceType", ""))
    return ""
