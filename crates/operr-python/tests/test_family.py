"""The family is written out in `operr/errors.py`: it follows from the core's table."""

import inspect
import os
from pathlib import Path

import operr
import pytest
from operr import errors
from operr._native import ERRORS

HEAD = '''\
"""The family: the codes, `OpError` and the sixteen, under the names of `tf.errors`.

Written by tests/test_family.py from the table of the core: change that, and run it with UPDATE_GOLDEN=1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from operr._error import CLASSES, DecodeError, OpError, register

if TYPE_CHECKING:
    from operr._node_def import NodeDef

'''

CLASS = '''

class {name}(OpError):
    """{says}"""

    def __init__(self, node_def: NodeDef | None, op: Any, message: str, *args: Mapping[Any, Any] | None) -> None:
        OpError.__init__(self, node_def, op, message, {constant}, *args)
'''

FOOT = '''

def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Gives the class for a code. Raises KeyError for a number without a class."""
    if not isinstance(error_code, int):
        raise TypeError(f"argument 'error_code': must be int, not {type(error_code).__name__}")
    return CLASSES[error_code]


def error_code_from_exception_type(cls: type[BaseException]) -> int:
    """Gives the code of a class of the family, or of one derived from such a class.

    Raises KeyError for any other: an `OpError` has the code that it is made with.
    """
    if not isinstance(cls, type):
        raise TypeError(f"argument 'cls': must be a class, not {type(cls).__name__}")
    for base in cls.__mro__:
        for code, found in CLASSES.items():
            if base is found:
                return code
    raise KeyError(cls)
'''


def written_out() -> str:
    text = HEAD + "OK = 0\n"
    text += "".join(f"{constant} = {number}\n" for number, constant, _, _ in ERRORS)
    text += "".join(CLASS.format(name=name, says=says, constant=constant) for _, constant, name, says in ERRORS)
    text += "\n\nregister(\n    {\n"
    text += "".join(f"        {constant}: {name},\n" for _, constant, name, _ in ERRORS)
    text += "    }\n)\n" + FOOT
    names = ["DecodeError", "OK", "OpError", "error_code_from_exception_type", "exception_type_from_error_code"]
    names += [name for _, constant, name, _ in ERRORS] + [constant for _, constant, _, _ in ERRORS]
    # Constants, classes, functions.
    names.sort(key=lambda name: (not name.isupper(), name[0].islower(), name))
    return text + "\n\n__all__ = [\n" + "".join(f'    "{name}",\n' for name in names) + "]\n"


def test_the_file_follows_from_the_table() -> None:
    if os.environ.get("UPDATE_GOLDEN") and not os.environ.get("CI"):
        (Path(__file__).parents[1] / "python" / "operr" / "errors.py").write_text(written_out())
    else:
        assert inspect.getsource(errors) == written_out()


def test_there_are_sixteen() -> None:
    assert [code for code, *_ in ERRORS] == list(range(1, 17))
    for code, constant, name, says in ERRORS:
        cls = getattr(errors, name)
        assert getattr(errors, constant) == code == getattr(operr, constant)
        assert cls is getattr(operr, name)
        assert cls.__bases__ == (operr.OpError,)
        assert cls.__doc__ == says
        assert cls.__module__ == "operr.errors"
        error = cls(None, None, "m")
        assert (error.error_code, error.message, str(error)) == (code, "m", "m")
        assert operr.exception_type_from_error_code(code) is cls
        assert operr.error_code_from_exception_type(cls) == code


@pytest.mark.parametrize("code", [0, 17, 20, 77, -1])
def test_other_numbers_have_no_class(code: int) -> None:
    with pytest.raises(KeyError):
        operr.exception_type_from_error_code(code)
    error = operr.from_bytes(operr.OpError(None, None, "m", code).to_bytes())
    assert type(error) is operr.UnknownError
    assert error.error_code == code


def test_a_derived_class_has_the_code_of_its_base() -> None:
    class Mine(operr.NotFoundError, FileNotFoundError):
        pass

    class Deeper(Mine):
        pass

    assert operr.error_code_from_exception_type(Deeper) == operr.NOT_FOUND
    for cls in (operr.OpError, KeyError, Exception):
        with pytest.raises(KeyError):
            operr.error_code_from_exception_type(cls)
