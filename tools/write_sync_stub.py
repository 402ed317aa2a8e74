#!/usr/bin/env python3
"""Write src/patang/kite/sync.pyi: the blocking twin's methods, from the asynchronous ones' source.

    python tools/write_sync_stub.py

tests/unit/kite/test_sync.py fails when the stub is older than the methods.
"""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from patang.kite.account import KiteAnalytics
from patang.kite.blocking import public_names
from patang.kite.client import Kite
from patang.kite.instruments import KiteInstruments

STUB = Path(__file__).parents[1] / "src" / "patang" / "kite" / "sync.pyi"

HEAD = '''"""Types of the blocking twin. Written by tools/write_sync_stub.py; do not edit."""
'''
LIFE = """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None: ...
    @property
    def raw(self) -> RawKite: ...
"""
RAW = """
class RawKite:
    def __getattr__(self, name: str) -> Callable[..., Any]: ...
    def __dir__(self) -> list[str]: ...
"""
TWINS: tuple[tuple[type, str, frozenset[str]], ...] = (
    (Kite, LIFE, frozenset({"close", "raw"})),
    (KiteAnalytics, "", frozenset()),
    (KiteInstruments, "", frozenset()),
)


def write_stub() -> str:
    """The stub's text."""
    imports: dict[str, str] = {
        name: f"from {module} import {name}"
        for module, name in (
            ("typing", "Any"),
            ("typing", "Self"),
            ("collections.abc", "Callable"),
        )
    }
    body = ""
    for kind, more, without in TWINS:
        body += f"\nclass {kind.__name__}:\n"
        for definition in _definitions(kind, without, imports):
            body += _indented(definition)
        body += more
    body += RAW
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    own = {kind.__name__ for kind, _, _ in TWINS} | {"RawKite"}
    lines = sorted(line for name, line in imports.items() if name in used and name not in own)
    lines.append("from patang.kite.sync_ticker import KiteTicker as KiteTicker")
    return _formatted(HEAD + "\n".join(lines) + "\n" + body)


def _definitions(
    kind: type, without: frozenset[str], imports: dict[str, str]
) -> Iterator[ast.stmt]:
    """Every public method and property of a class and its bases, without its body."""
    wanted = [name for name in public_names(kind) if name not in without]
    names = {"__init__": None} | dict.fromkeys(wanted)
    for name in names:
        owner = next(base for base in kind.__mro__ if name in vars(base))
        tree = ast.parse(Path(inspect.getsourcefile(owner) or "").read_text(encoding="utf-8"))
        _note_names(tree, owner.__module__, imports)
        (source,) = (
            node
            for node in tree.body
            if isinstance(node, ast.ClassDef) and node.name == owner.__name__
        )
        found = [
            member
            for member in source.body
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and member.name == name
        ]
        # A stub holds the overloads alone, without what carries them out.
        for function in [each for each in found if _is_overload(each)] or found:
            yield _without_body(function)
        for member in source.body:
            if isinstance(member, ast.AnnAssign) and ast.unparse(member.target) == name:
                member.value = None
                yield member


def _is_overload(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return "overload" in map(ast.unparse, function.decorator_list)


def _without_body(member: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.FunctionDef:
    return ast.FunctionDef(
        name=member.name,
        args=member.args,
        body=[ast.Expr(ast.Constant(...))],
        decorator_list=member.decorator_list,
        returns=member.returns,
        lineno=0,
    )


def _note_names(tree: ast.Module, module: str, imports: dict[str, str]) -> None:
    """What a module's annotations may name: its imports, and what it defines."""
    for node in tree.body:
        match node:
            case ast.ImportFrom(module=str(source), names=names):
                for each in names:
                    alias = f" as {each.asname}" if each.asname else ""
                    imports.setdefault(
                        each.asname or each.name, f"from {source} import {each.name}{alias}"
                    )
            case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                imports.setdefault(name, f"from {module} import {name}")


def _indented(node: ast.stmt) -> str:
    text = ast.unparse(ast.fix_missing_locations(node))
    return "".join(f"    {line}\n" for line in text.splitlines())


def _formatted(text: str) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(STUB)]
    for step in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        done = subprocess.run(
            [*ruff, *step, *name, "-"], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    STUB.write_text(write_stub(), encoding="utf-8")
