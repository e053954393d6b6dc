"""Makes the calls of scenarios.json on TensorFlow's own queues, and prints what becomes of each.

A line of JSON for every call, in their order, and then "done". A scenario is one graph and one session.
"""

import concurrent.futures
import json
import os
import pathlib
import threading
import traceback

import tensorflow as tf

v1 = tf.compat.v1

# Seconds in which a call comes to stand in its line: TensorFlow does not tell when.
PAUSE = 0.5
# What no call takes, in milliseconds, and no process, in seconds.
CALL_MS = 20_000
PROCESS = 120

POOL = concurrent.futures.ThreadPoolExecutor(32)


def main():
    for scenario in json.loads(pathlib.Path(__file__).with_name("scenarios.json").read_text()):
        for call, outcome in play(scenario["calls"]):
            print(json.dumps({"scenario": scenario["name"], "label": call["node"], **outcome}), flush=True)
    print("done", flush=True)


def play(calls):
    with tf.Graph().as_default() as graph:
        # All of them now: a graph does not change while it runs.
        queues = {}
        fetches = [build(call, queues) for call in calls]
        assert {call["node"] for call in calls} <= {op.name for op in graph.get_operations()} | {"stop"}
    session = v1.Session(graph=graph)
    running = []
    for call, fetch in zip(calls, fetches):
        if call["do"] == "stop":
            future = POOL.submit(session.close)
        else:
            options = v1.RunOptions(timeout_in_ms=call.get("timeout_ms", CALL_MS))
            future = POOL.submit(session.run, fetch, options=options)
        running.append(future)
        concurrent.futures.wait([future], PAUSE if call.get("waits") else None)
        assert not (call.get("waits") and future.done()), call
    return [(call, describe(future)) for call, future in zip(calls, running)]


def build(call, queues):
    """Adds the nodes of a call to the graph, and gives what to fetch from them."""
    node, queue = call["node"], queues.get(call.get("queue", "q"))
    types = [tf.as_dtype(name) for name in call.get("types", ["float"])]
    match call["do"]:
        case "create":
            if call.get("destroyed"):
                queues[node] = destroyed(call, types)
                return []
            queues[node] = v1.FIFOQueue(call["capacity"], types, shared_name=call.get("shared_name"), name=node)
            return queues[node].queue_ref.op
        case "enqueue" if "types" in call:
            # Queue.enqueue would refuse these itself.
            values = zip(call["values"], types)
            tensors = [tf.constant(*value, name=f"{node}/component_{index}") for index, value in enumerate(values)]
            return tf.raw_ops.QueueEnqueueV2(handle=queue.queue_ref, components=tensors, name=node)
        case "enqueue":
            return queue.enqueue(call["values"], name=node)
        case "dequeue" if "types" in call:
            return tf.raw_ops.QueueDequeueV2(handle=queue.queue_ref, component_types=types, name=node)
        case "dequeue":
            return queue.dequeue(name=node)
        case "size":
            return queue.size(name=node)
        case "close":
            return queue.close(call.get("cancel", False), name=node)
        case "stop":
            return []


def destroyed(call, types):
    """A queue that is destroyed in each run, between the node `made` and the one that hands it to the calls."""
    made = v1.FIFOQueue(call["capacity"], types, shared_name=call["shared_name"], name="made")
    destroy = tf.raw_ops.DestroyResourceOp(resource=made.queue_ref, ignore_lookup_error=False)
    with tf.control_dependencies([destroy]):
        handle = tf.identity(made.queue_ref, name=call["node"])
    return tf.queue.QueueBase(types, [tf.TensorShape(None)] * len(types), None, handle)


def describe(future):
    try:
        result = future.result(CALL_MS / 1_000)
    except tf.errors.OpError as error:
        node_def, op = error.node_def, error.op
        return {
            "code": error.error_code,
            # What the runtime said, before the session added where the node is from.
            "message": error.__context__.message,
            "node_def": node_def and node_def.SerializeToString(deterministic=True).hex(),
            "op_name": op and op.name,
            "op_type": op and op.type,
            "has_traceback": bool(op and list(op.traceback)),
        }
    if result is None:
        return {"values": []}
    return {"values": [float(value) for value in (result if isinstance(result, list) else [result])]}


watchdog = threading.Timer(PROCESS, os._exit, [3])
watchdog.daemon = True
watchdog.start()
try:
    main()
except BaseException:
    traceback.print_exc()
# At once: a thread may still wait for its call.
os._exit(0)
