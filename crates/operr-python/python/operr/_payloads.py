"""What TensorFlow calls `experimental_payloads`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, overload

_Default = TypeVar("_Default")


class Payloads(Mapping[str, bytes]):
    """The payloads of an error by type URL: the last of those with equal keys, as TensorFlow has it.

    Keys are iterated as str. Looking one up, `in`, `get` and `==` take str or bytes.

    >>> import operr
    >>> error = operr.AbortedError(None, None, "restarted", {"example.com/shard": b"7"})
    >>> error.experimental_payloads[b"example.com/shard"], list(error.experimental_payloads)
    (b'7', ['example.com/shard'])
    """

    def __init__(self, pairs: tuple[tuple[str, bytes], ...]) -> None:
        self._values = dict(pairs)

    def __getitem__(self, url: str | bytes) -> bytes:
        return self._values[_text(url)]

    @overload
    def get(self, url: str | bytes, default: None = None, /) -> bytes | None: ...
    @overload
    def get(self, url: str | bytes, default: bytes | _Default, /) -> bytes | _Default: ...
    def get(self, url: str | bytes, default: Any = None, /) -> Any:
        """Gives the payload with this URL, or the default."""
        return self._values.get(_text(url), default)

    def __contains__(self, url: object) -> bool:
        return isinstance(url, (str, bytes)) and _text(url) in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        given = {_text(key) if isinstance(key, (bytes, str)) else key: value for key, value in other.items()}
        return len(given) == len(other) and self._values == given

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._values)


def pairs_of(payloads: object) -> list[tuple[str, bytes | bytearray | memoryview]]:
    """What the constructor of an error was given as payloads."""
    # To ask whether something is a Mapping takes longer than all else here.
    if not isinstance(payloads, (dict, Mapping)):
        raise _wrong("a mapping from type URL to bytes, or None", payloads)
    pairs = []
    for url, value in payloads.items():
        if not isinstance(url, (str, bytes)):
            raise _wrong("keyed by str or bytes", url)
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise _wrong("of values that are bytes", value)
        pairs.append((url if isinstance(url, str) else _text(url), value))
    return pairs


def _text(url: str | bytes) -> str:
    if isinstance(url, bytes):
        return url.decode("utf-8", "replace")
    # As the native side takes it.
    return url if url.isascii() else "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in url)


def _wrong(wanted: str, given: object) -> TypeError:
    return TypeError(f"argument 'experimental_payloads': must be {wanted}, not {type(given).__name__}")
