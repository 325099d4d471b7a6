"""How much the tests notice: small faults are put into a module, one at a time, and the tests that reach the line are run.

pytest tests/emotion -m "not slow" --cov=espressivo.emotion --cov-context=test --cov-report= && coverage json --show-contexts
python tests/mutation.py coverage.json pipelines/espressivo/emotion --sample 60 --seed 0

The sources are copied and the copies are changed; the tree stays as it is. A fault survives where its tests pass.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "pipelines"
# A fault may make a loop endless; the tests of one line take seconds.
TIMEOUT_S = 300
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One change: the file, the line, what it says, and how the node in that place of the tree is changed."""

    path: Path
    line: int
    what: str
    place: int
    change: Callable[[ast.AST], None]

    def source(self) -> str:
        """The whole file with the fault in it."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        self.change(list(ast.walk(tree))[self.place])
        return ast.unparse(ast.fix_missing_locations(tree))


def faults(path: Path) -> Iterator[Fault]:
    """Every fault that can be put into a file: swapped operators, changed numbers and truths, statements left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    quiet = _without_effect(tree)
    for place, node in enumerate(ast.walk(tree)):
        if place not in quiet:
            yield from (Fault(path, getattr(node, "lineno", 0), what, place, change) for what, change in _changes(node))


def _without_effect(tree: ast.AST) -> set[int]:
    """Places in the tree that no test should care for: annotations, what only type checkers read, words of errors."""
    ignored: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.AnnAssign | ast.arg):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            parts = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.Assert | ast.Raise) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            parts = [node]
        ignored |= {id(inner) for part in parts if part is not None for inner in ast.walk(part)}
    return {index for index, node in enumerate(ast.walk(tree)) if id(node) in ignored}


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield _said(node, SWAPS[type(node.ops[0])]), _swap_first
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        yield _said(node, SWAPS[type(node.op)]), lambda twin: setattr(twin, "op", SWAPS[type(twin.op)]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", lambda twin: setattr(twin, "value", not twin.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield f"{node.value} -> {node.value + 1}", lambda twin: setattr(twin, "value", twin.value + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"{ast.unparse(node)} -> without not", lambda twin: setattr(twin, "op", ast.UAdd())
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield f"if {ast.unparse(node.test)} -> never", lambda twin: setattr(twin, "test", ast.Constant(value=False))
    elif isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield f"{ast.unparse(node)[:60]} -> left out", _leave_out


def _said(node: ast.AST, to: type[ast.AST]) -> str:
    return f"{ast.unparse(node)[:60]} -> {to.__name__}"


def _swap_first(twin: ast.AST) -> None:
    twin.ops[0] = SWAPS[type(twin.ops[0])]()


def _leave_out(twin: ast.AST) -> None:
    """The statement becomes one that does nothing."""
    twin.__class__ = ast.Pass
    twin.__dict__ = {"lineno": twin.lineno, "col_offset": twin.col_offset}


def tests_by_line(report: Path) -> dict[Path, dict[int, list[str]]]:
    """Which tests reach which line: node ids by path and line; a line that runs on import belongs to all tests of its file."""
    found: dict[Path, dict[int, list[str]]] = {}
    for name, entry in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        lines = {int(line): sorted({test.split("|")[0] for test in tests} - {""}) for line, tests in entry["contexts"].items()}
        whole_file = sorted({test for tests in lines.values() for test in tests})
        found[(ROOT / name).resolve()] = {line: tests or whole_file for line, tests in lines.items()}
    return found


def survives(fault: Fault, tests: list[str], copied: Path) -> bool:
    """Whether the tests pass with the fault in the copy."""
    place = copied / fault.path.relative_to(SOURCES)
    original = place.read_text(encoding="utf-8")
    place.write_text(fault.source(), encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": f"{copied}{os.pathsep}{ROOT / 'demo'}", "ESPRESSIVO_HOME": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    finally:
        place.write_text(original, encoding="utf-8")
    return done.returncode == 0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="of coverage json --show-contexts")
    parser.add_argument("paths", type=Path, nargs="+", help="files or folders of the package")
    parser.add_argument("--sample", type=int, default=60, help="how many faults are tried")
    parser.add_argument(
        "--tests", type=int, default=6, help="how many of the tests that reach a line are run first; all are where those pass"
    )
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    reached = tests_by_line(asked.report)
    files = sorted(file.resolve() for path in asked.paths for file in (path.rglob("*.py") if path.is_dir() else [path]))
    every = [fault for file in files for fault in faults(file)]
    chosen = random.Random(asked.seed).sample(every, min(asked.sample, len(every)))
    survivors, unreached = [], []
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "pipelines"
        shutil.copytree(SOURCES, copied, ignore=shutil.ignore_patterns("__pycache__"))
        for fault in chosen:
            tests = reached.get(fault.path, {}).get(fault.line, [])
            picked = random.Random(asked.seed).sample(tests, min(asked.tests, len(tests)))
            if not tests:
                unreached.append(fault)
            elif survives(fault, picked, copied) and survives(fault, tests, copied):
                survivors.append(fault)
            verdict = "unreached" if not tests else "SURVIVES" if survivors[-1:] == [fault] else "noticed"
            _say(f"{verdict:9} {fault.path.relative_to(SOURCES)}:{fault.line}: {fault.what}")
    noticed = len(chosen) - len(survivors) - len(unreached)
    _say(
        f"{noticed} of {len(chosen)} faults noticed ({100 * noticed / len(chosen):.0f} %), {len(unreached)} never reached; drawn "
        f"from {len(every)} with seed {asked.seed}"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
