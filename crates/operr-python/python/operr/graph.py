"""The node and the operation that an error is about, found in a graph by the error's message, as a session does it.

>>> from operr.graph import parse_message
>>> parse_message("boom [[{{function_node f}}{{node g/h}}]]")
ParsedMessage(text='boom [[{{node g/h}}]]', functions=[Tag(type='function_node', name='f')], \
nodes=[Tag(type='node', name='g/h')])
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from operr import _native, _node_def
from operr._error import OpError

__all__ = ["Graph", "ParsedMessage", "Tag", "interpolate", "node_name", "parse_message"]

_Error = TypeVar("_Error", bound=OpError)


class Tag(NamedTuple):
    """A part of a message that names something of a graph: `{{node scope/enq}}`."""

    type: str
    """What is named: `node`, `function_node`, `colocation_node`, or anything else."""
    name: str


class ParsedMessage(NamedTuple):
    """A message taken apart."""

    text: str
    """The message without the tags of functions."""
    functions: list[Tag]
    """The tags of type `function_node`, in their order."""
    nodes: list[Tag]
    """All other tags, in their order."""


def parse_message(text: str) -> ParsedMessage:
    """Takes a message apart as `error_interpolation.parse_message` of TensorFlow does.

    A tag has exactly one space, and names of ASCII letters, digits, `_`, `.`, `-` and `/`. What looks like one
    otherwise stays in the text.
    """
    rest, functions, nodes = _native.parse_message(text)
    return ParsedMessage(rest, [Tag(*tag) for tag in functions], [Tag(*tag) for tag in nodes])


def node_name(text: str) -> str | None:
    """Gives the name of the node that failed, as a session reads it from a message; None if that has no `[[`.

    It may be empty, and is no node's name where the message has another form: `add]]` of `[[add]]`.
    """
    return _native.node_name(text)


class Graph:
    """A `tensorflow.GraphDef`, in which nodes are found by name. Nothing is decoded but what is asked for.

    `data` are the bytes of one, such as `tf_graph.as_graph_def().SerializeToString()`; `debug_info` those of a
    `tensorflow.GraphDebugInfo`, such as a SavedModel's `debug/saved_model_debug_info.pb`. Raises `DecodeError` if they
    are not.
    """

    __slots__ = ("_native",)

    def __init__(
        self, data: bytes | bytearray | memoryview, debug_info: bytes | bytearray | memoryview | None = None
    ) -> None:
        self._native = _native.Graph(data, debug_info)

    def node(self, name: str, function: str | None = None) -> _node_def.NodeDef | None:
        """The node of this name in a function of the library, or in the outermost graph; None if there is none."""
        data = self._native.node(name, function)
        return None if data is None else _node_def.from_bytes(data)

    def failed_node(self, message: str) -> tuple[_node_def.NodeDef | None, str | None] | None:
        """The node that a message says has failed, and the function that it is in; None if there is none.

        Beyond what a session does, which knows nodes of the outermost graph only: where the message names functions, it
        is the node of the innermost that has it; where it names none, and the outermost graph has no such node, that of
        the one function that has it.
        """
        found = self._native.failed_node(message)
        return None if found is None else (_node_def.from_bytes(found[0]), found[1])

    def resolve(self, error: _Error) -> _Error:
        """Sets `node_def` and `op` of an error as a session does, its misses included, and returns the error.

        That is the node of the outermost graph that the message names. If there is none, such as for a node in a
        function, or a `Send` that the runtime made, the error stays as it is.
        """
        if not isinstance(error, OpError):
            raise TypeError(f"argument 'error': must be an OpError, not {type(error).__name__}")
        error._operr_resolve(self._native)
        return error

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


def interpolate(text: str, graph: Graph) -> str:
    """Gives the message as `error_interpolation.interpolate_graph` of TensorFlow 2.21 writes it for sessions.

    That is which of its nodes were created where, then itself. Every tag counts that names a node of the outermost
    graph, up to 1,000 of them. Frames of TensorFlow itself are left out. A session adds an advice where a message says
    that an op only supports NHWC.
    """
    if not isinstance(graph, Graph):
        raise TypeError(f"argument 'graph': must be a Graph, not {type(graph).__name__}")
    return graph._native.interpolate(text)
