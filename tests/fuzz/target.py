"""A coverage-guided fuzzing target: ``python tests/fuzz/target.py KIND [libFuzzer options] CORPUS``.

KIND is one of ``espressivo.evaluation.fuzzing.READERS``. Only the package's own errors may come out of a reader; anything else
ends the target, and libFuzzer writes the input beside it. Needs ``pip install atheris`` (Linux, Python 3.11 to 3.13).
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["espressivo"]):
    from espressivo.errors import EspressivoError
    from espressivo.evaluation.fuzzing import READERS


def main() -> None:
    kind = sys.argv.pop(1)
    read = READERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input.{kind}"

        def try_input(data: bytes) -> None:
            path.write_bytes(data)
            with suppress(EspressivoError):
                read(path)

        atheris.Setup(sys.argv, try_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
