"""`Registry`: all queues of a server, by name."""

from __future__ import annotations

import operr

from queue_service import pb
from queue_service.fifo import Queue
from queue_service.node import Node, type_names


class Registry:
    """All queues of a server, by name: `_0_q` for the first one that is not shared and was made by a node `q`."""

    def __init__(self) -> None:
        self._by_name: dict[str, Queue] = {}
        self._unnamed = 0
        self._is_stopped = False

    def create(self, request: pb.CreateRequest) -> Queue:
        """Makes a queue, or finds the one that is shared under the name.

        Raises `InvalidArgumentError` for a queue that there cannot be, and for a shared one that is not as requested.
        """
        name: str = request.shared_name
        if not request.component_types:
            raise _invalid(request, "Length for attr 'component_types' of 0 must be at least minimum 1")
        # The names of the others start with it.
        if name.startswith("_"):
            raise _invalid(request, f"shared_name cannot start with '_':{name}")
        queue = Queue(name or f"_{self._unnamed}_{request.node}", request.capacity, request.component_types)
        if not name:
            self._unnamed += 1
        elif shared := self._by_name.get(name):
            if difference := _difference(shared, queue):
                raise _invalid(request, difference)
            return shared
        if self._is_stopped:
            queue.stop()
        self._by_name[queue.name] = queue
        return queue

    def find(self, name: str) -> Queue | None:
        """The queue with this name."""
        return self._by_name.get(name)

    def stop(self) -> None:
        """Ends all calls that wait on queues, and from now on those that would have to."""
        self._is_stopped = True
        for queue in self._by_name.values():
            queue.stop()


def _difference(shared: Queue, requested: Queue) -> str | None:
    """Says how the shared queue is not what was requested."""
    if shared.capacity != requested.capacity:
        has, asked = str(shared.capacity), str(requested.capacity)
        return f"Shared queue '{shared.name}' has capacity {has} but requested capacity was {asked}"
    if shared.component_types != requested.component_types:
        has, asked = type_names(shared.component_types), type_names(requested.component_types)
        return f"Shared queue '{shared.name}' has component types {has} but requested component types were {asked}"
    return None


def _invalid(request: pb.CreateRequest, message: str) -> operr.InvalidArgumentError:
    return Node.create(request).error(operr.InvalidArgumentError, message)
