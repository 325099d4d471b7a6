"""Write docs/reference from the code: Python, command line, errors, rooms. Run it as ``python docs/generate.py``."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.main import get_command

import espressivo
from espressivo import errors
from espressivo.cli import app

DOCS = Path(__file__).resolve().parent
PACKAGE = Path(espressivo.__file__).resolve().parent
NOTICE = "<!-- Written by docs/generate.py from the code; change the code, then run it. -->\n"
GROUND = {"errors", "progress", "seeds", "resources", "threads", "pretrained", "console", "settings", "__init__", "__main__"}
SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Yields")


# -- Python ------------------------------------------------------------------------------------------------------------------


def python_page() -> str:
    """Every public name of the package with its signature and docstring."""
    parts = ["# Python", NOTICE, "All of these are importable from `espressivo`; nothing heavy is loaded before it is used.", ""]
    for name in sorted(espressivo.__all__):
        thing = getattr(espressivo, name)
        parts += [f"## {name}", "", _signature(name, thing), "", _as_markdown(inspect.getdoc(thing) or ""), ""]
        if inspect.isclass(thing):
            parts += _members(name, thing)
    return "\n".join(parts)


def _members(owner: str, thing: type) -> list[str]:
    lines: list[str] = []
    for name, member in sorted(vars(thing).items()):
        function = inspect.unwrap(getattr(member, "__func__", member))
        is_call = name == "__call__"
        if not inspect.isfunction(function) or (name.startswith("_") and not is_call) or not function.__doc__:
            continue
        title = owner if is_call else f"{owner}.{name}"
        lines += [f"### {title}()", "", _signature(title, function), "", _as_markdown(inspect.getdoc(function)), ""]
    return lines


def _signature(name: str, thing: Callable[..., object]) -> str:
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    parameters = [p for p in signature.parameters.values() if p.name not in {"self", "cls"}]
    shown = ",\n    ".join(_parameter(p) for p in parameters)
    text = f"{name}(\n    {shown},\n)" if len(parameters) > 2 else f"{name}({', '.join(_parameter(p) for p in parameters)})"
    return f"```text\n{text}\n```"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    has_default = parameter.default is not inspect.Parameter.empty
    is_plain = isinstance(parameter.default, str | int | float | bool | None | tuple)
    default = f" = {parameter.default!r}" if has_default and is_plain else " = ..." if has_default else ""
    return f"{stars}{parameter.name}{default}"


def _as_markdown(docstring: str | None) -> str:
    """Google sections as lists."""
    lines: list[str] = []
    section = ""
    for line in (docstring or "").splitlines():
        heading = line.rstrip().removesuffix(":")
        if heading in SECTIONS and line.rstrip().endswith(":"):
            section = heading
            lines += [f"**{heading}**", ""]
        elif section and line.startswith("    ") and not line.startswith("     "):
            entry = re.match(r"    (\*{0,2}\w+): (.*)", line)
            lines.append(f"- `{entry[1]}`: {entry[2]}" if entry else f"- {line.strip()}")
        elif section and line.startswith("     "):
            lines[-1] += " " + line.strip()
        else:
            section = "" if line.strip() else section
            lines.append(line)
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", "\n".join(lines)).replace("``", "`").strip()


# -- Command line ------------------------------------------------------------------------------------------------------------


def command_page() -> str:
    """Every command with its options."""
    group: Any = get_command(app)
    parts = ["# Command line", NOTICE, (group.help or "").strip(), ""]
    for name, command in sorted(group.commands.items()):
        parts += _command(f"espressivo {name}", command)
    return "\n".join(parts)


def _command(title: str, command: Any) -> list[str]:  # noqa: ANN401 - typer hides click's types
    parts = [f"## {title}", "", inspect.cleandoc(command.help or ""), ""]
    rows = [_option(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        parts += ["| option | default | meaning |", "| --- | --- | --- |", *rows, ""]
    if command.epilog:
        parts += [inspect.cleandoc(command.epilog), ""]
    for name, child in sorted(getattr(command, "commands", {}).items()):
        parts += _command(f"{title} {name}", child)
    return parts


def _option(parameter: Any) -> str:  # noqa: ANN401 - as above
    if parameter.param_type_name == "option":
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        is_silent = parameter.default in (None, False, "") or callable(parameter.default)
        default = "required" if parameter.required else "" if is_silent else f"`{parameter.default}`"
        meaning = " ".join((parameter.help or "").split())
    else:
        names, default = f"`{(parameter.name or '').upper()}`", "required" if parameter.required else ""
        meaning = " ".join((getattr(parameter, "help", None) or "").split())
    return f"| {names} | {default} | {meaning.replace('|', chr(92) + '|')} |"


# -- Errors ------------------------------------------------------------------------------------------------------------------


def errors_page() -> str:
    """Every code with the messages that go with it; what stands in braces is filled in."""
    classes = {name: thing for name, thing in vars(errors).items() if inspect.isclass(thing)}
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_error(node, classes):
                code, message = _text(node.args[0]), _text(node.args[1])
                found[code].add((node.func.id, message))  # type: ignore[attr-defined] - _is_error has seen to it
    parts = ["# Errors by code", NOTICE]
    parts += ["Codes are stable. Input errors end the command line with status 2, others with 1, a stop with 130.", ""]
    parts += ["| code | what the message says |", "| --- | --- |"]
    for code, entries in sorted(found.items()):
        messages = "<br>".join(sorted(message.replace("|", "\\|") for _, message in entries))
        parts.append(f"| `{code}` | {messages} |")
    return "\n".join(parts) + "\n"


def _is_error(node: ast.Call, classes: dict[str, type]) -> bool:
    if not isinstance(node.func, ast.Name) or len(node.args) < 2:
        return False
    kind = classes.get(node.func.id)
    is_written = isinstance(node.args[0], ast.Constant | ast.JoinedStr) and isinstance(node.args[1], ast.Constant | ast.JoinedStr)
    return kind is not None and issubclass(kind, errors.EspressivoError) and is_written


def _text(node: ast.expr) -> str:
    """A literal; names in braces stand for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = []
    for value in node.values if isinstance(node, ast.JoinedStr) else []:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
        elif isinstance(value, ast.FormattedValue):
            parts.append("{" + _short(value.value) + "}")
    return " ".join("".join(parts).split())


def _short(node: ast.expr) -> str:
    names = [n.attr if isinstance(n, ast.Attribute) else n.id for n in ast.walk(node) if isinstance(n, ast.Attribute | ast.Name)]
    return names[0].strip("_").lower() if names else "..."


# -- Rooms -------------------------------------------------------------------------------------------------------------------


def rooms_page() -> str:
    """Which room of the house imports which, without the ways that a longer way implies."""
    doors: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        doors[room] |= {other for other in _imports(path) if other != room}
    doors = {room: others - GROUND for room, others in doors.items() if room not in GROUND}
    reach = {room: _reach(room, doors) for room in doors}
    lines = ["# The rooms, drawn from the imports", NOTICE]
    lines += ["An arrow means *uses*. Arrows that a longer way implies are left out, and so is what everybody uses (`errors`,"]
    lines += ["`progress`, `seeds`, `resources`, `settings` ...). `tests/test_architecture.py` enforces the doors.", ""]
    lines += ["```mermaid", "graph TD"]
    for room in sorted(doors):
        direct = {other for other in doors[room] if not any(other in reach[between] for between in doors[room] - {other})}
        lines += [f"    {room} --> {other}" for other in sorted(direct)]
    return "\n".join([*lines, "```", ""])


def _imports(path: Path) -> set[str]:
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "espressivo" else [node.module]
            rooms |= {name.split(".")[1] for name in names if name.startswith("espressivo.")}
    return rooms


def _reach(room: str, doors: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(doors.get(room, ()))
    while waiting:
        other = waiting.pop()
        if other not in seen:
            seen.add(other)
            waiting += doors.get(other, ())
    return seen


PAGES = {"python.md": python_page, "command-line.md": command_page, "errors.md": errors_page, "rooms.md": rooms_page}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / "reference" / name, page().rstrip() + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    print("\n".join(stale) or "up to date")  # noqa: T201 - a command speaks
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
