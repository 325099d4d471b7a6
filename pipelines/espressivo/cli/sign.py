"""``espressivo sign``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["sign"]


def sign(
    file: Annotated[Path, typer.Argument(help="A finished mp4, wav or png made by espressivo.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The signed copy.")],
    certificate: Annotated[Path, typer.Option(help="PEM chain, your certificate first.")],
    key: Annotated[Path, typer.Option(help="PEM key of your certificate.")],
    algorithm: Annotated[str, typer.Option(help="es256, es384, es512, ps256, ps384, ps512 or ed25519.")] = "es256",
) -> None:
    """Vouch for a result with Content Credentials (C2PA), signed by your certificate; needs espressivo[c2pa]."""
    from espressivo.errors import SettingError
    from espressivo.media.credentials import sign_file
    from espressivo.provenance import tool_version, verify_file

    report = verify_file(file)
    if report.digital_source_type is None:
        raise SettingError("setting.c2pa", f"{file.name!r} does not tell that it was made by espressivo; sign what it wrote")
    sign_file(
        file,
        output,
        certificate=certificate,
        private_key=key,
        digital_source_type=report.digital_source_type,
        tool_version=tool_version(),
        algorithm=algorithm,
    )
    typer.echo(f"Signed: {output}")
