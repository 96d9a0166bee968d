"""The import law of ARCHITECTURE.md, read from the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "trustweft"

# Each level may import the levels before it; within a level only what ALONGSIDE allows.
LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"runtime"}),
    frozenset({"crypto", "report"}),
    frozenset({"protocol"}),
    frozenset({"net", "profile", "evidence"}),
    frozenset({"server", "resource", "client", "directory", "threats", "inventory"}),
    frozenset({"audit", "store"}),
    frozenset({"coverage"}),
    frozenset({"web", "demo"}),
    frozenset({"cli"}),
)
ALONGSIDE = {("demo", "web")}  # the demo wires the pages to the participants
RANK = {package: rank for rank, level in enumerate(LEVELS) for package in level}
# What a light guard or client must never pull in.
SERVER_ONLY = {
    "alembic",
    "argon2",
    "jinja2",
    "jsonschema_rs",
    "prometheus_client",
    "sqlalchemy",
    "starlette",
    "structlog",
    "uvicorn",
    "webauthn",
}


def _package_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            module = node.module or ""
            names.update(
                [module] if module != "trustweft" else [f"trustweft.{alias.name}" for alias in node.names]
            )
    return {name.split(".")[1] for name in names if name.startswith("trustweft.")}


def _edges() -> set[tuple[str, str, str]]:
    found = set()
    for path in SOURCE.rglob("*.py"):
        package = _package_of(path)
        if package in RANK:
            found |= {
                (package, other, str(path.relative_to(SOURCE)))
                for other in _imports(path)
                if other != package
            }
    return found


def test_every_package_has_its_place_in_the_import_law() -> None:
    """A new top-level package must be entered into the law before it is used."""
    packages = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    assert (packages | modules) - set(RANK) == set()


def test_no_package_imports_a_later_level_or_a_neighbour() -> None:
    """Each level sees only those before it; participants never import each other."""
    broken = {
        (package, other, path)
        for package, other, path in _edges()
        if RANK[other] >= RANK[package] and (package, other) not in ALONGSIDE
    }
    assert broken == set()


@pytest.mark.parametrize("package", ["client", "resource", "directory", "protocol", "profile"])
def test_a_light_package_loads_nothing_of_the_server(package: str) -> None:
    """Importing the guard or the client never imports SQLAlchemy, Starlette, Jinja2 and their like."""
    program = (
        "import importlib, pkgutil, sys\n"
        f"package = importlib.import_module('trustweft.{package}')\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    if not module.name.endswith('fastapi'):\n"
        "        importlib.import_module(module.name)\n"
        "print(' '.join(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & SERVER_ONLY == set()
