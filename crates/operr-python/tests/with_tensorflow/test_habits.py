"""Code that was written for `tf.errors` runs on operr unchanged: the same observations, but for those in a table."""

from collections.abc import Iterator
from typing import Any

import habits
import operr.compat.v1
import operr.errors
import pytest
import tensorflow as tf
from habits import DIFFERENCES, HABITS, Modules

TENSORFLOW = Modules(tf.errors, tf.compat.v1.errors, tf.compat.v1, habits.derived("tensorflow", tf.errors))
OPERR = Modules(operr.errors, operr.compat.v1.errors, operr.compat.v1, habits.derived("operr", operr.errors))


def observed(function: Any, modules: Modules) -> Any:
    found = function(modules)
    return list(found) if isinstance(found, Iterator) else found


@pytest.mark.parametrize("name", HABITS)
def test_a_habit(name: str) -> None:
    expected = observed(HABITS[name], TENSORFLOW)
    assert expected or expected is False, "it saw nothing"
    assert observed(HABITS[name], OPERR) == expected


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference(name: str) -> None:
    function, tensorflow, operr, reason = DIFFERENCES[name]
    assert tensorflow != operr
    assert reason
    assert observed(function, TENSORFLOW) == tensorflow
    assert observed(function, OPERR) == operr


def test_the_modules_are_different_ones() -> None:
    """Else everything would be the same."""
    for name in habits.CLASSES:
        assert not issubclass(getattr(OPERR.errors, name), tf.errors.OpError)
        assert not issubclass(getattr(TENSORFLOW.errors, name), operr.errors.OpError)
    for name in TENSORFLOW.custom:
        assert issubclass(TENSORFLOW.custom[name], tf.errors.OpError)
        assert issubclass(OPERR.custom[name], operr.errors.OpError)
