"""Everything public says what it is, and the examples in the docstrings are right."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import operr
import pytest


def modules() -> list[str]:
    # A folder in which somebody builds a native module has it, which is no module of Python's.
    found = pkgutil.walk_packages(operr.__path__, "operr.")
    return ["operr", *(module.name for module in found if not module.name.endswith("._native"))]


def is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def public_members(module: ModuleType) -> list[str]:
    """The classes and functions of a module that are ours."""
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    members = [(name, getattr(module, name)) for name in names]
    is_ours = [inspect.isclass(value) or inspect.isroutine(value) for _, value in members]
    return [
        name
        for (name, value), is_one in zip(members, is_ours)
        if is_one and (getattr(value, "__module__", None) or "").startswith("operr")
    ]


def examples() -> list[doctest.DocTest]:
    """Those of the modules, and of all that is in them, wherever that says it comes from."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found: dict[str, doctest.DocTest] = {}
    for name in modules():
        module = importlib.import_module(name)
        tests = doctest.DocTestFinder(recurse=False).find(module, name)
        for member in public_members(module):
            # Without a module, for the classes of the family say that they are of another than they are in.
            tests += finder.find(getattr(module, member), f"{name}.{member}", module=False, globs={})
        for test in tests:
            if test.examples:
                found.setdefault(test.docstring or "", test)
    return list(found.values())


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_is_right(example: doctest.DocTest) -> None:
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)


def test_there_are_examples() -> None:
    assert len(examples()) > 12


@pytest.mark.parametrize("name", [name for name in modules() if is_public(name)])
def test_everything_public_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for member in public_members(module):
        value = getattr(module, member)
        assert inspect.getdoc(value), f"{name}.{member}"
        if inspect.isclass(value):
            for attribute, found in vars(value).items():
                is_said = not callable(found) and not isinstance(found, (property, staticmethod, classmethod))
                assert attribute.startswith("_") or is_said or inspect.getdoc(found), f"{name}.{member}.{attribute}"
