"""`Proxy`: an object that stands for another one."""

from __future__ import annotations

from typing import Any


class Proxy:
    """Has all attributes of another object, those that nobody has heard of included, but for what a subclass defines.

    Attributes of its own begin with `_operr_`. A subclass is registered with the abstract classes of grpcio that it is
    to be an instance of: to inherit from them would hide attributes of the object.
    """

    _operr_target: Any

    def __init__(self, target: Any) -> None:
        self._operr_target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_operr_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._operr_target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_operr_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._operr_target, name, value)

    def __repr__(self) -> str:
        return repr(self._operr_target)
