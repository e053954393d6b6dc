"""Calls on TensorFlow's own queues, in another process, whose connection is dropped while they wait.

Prints a line of JSON for each, and then "done": what a caller is told whose server is killed, and what is in a queue of
which a waiting caller was killed.
"""

import json
import multiprocessing
import os
import threading
import time
import traceback

# Seconds in which a call comes to stand in its line: TensorFlow does not tell when.
PAUSE = 2
# What no call takes, and no process.
CALL = 40
PROCESS = 120


def main():
    for verb in ["enqueue", "dequeue"]:
        server, target = serve()
        caller = start(call, target, verb)
        assert caller.recv() == "ready"
        time.sleep(PAUSE)
        server.process.kill()
        print(json.dumps({"dropped": "server", "call": verb, **caller.recv()}), flush=True)
    _, target = serve()
    # A dequeue of an empty queue, and then an enqueue to a full one.
    for verb, then in [("dequeue", ["enqueue", "size"]), ("enqueue", ["size", "dequeue", "size"])]:
        caller = start(run, target, [verb])
        assert caller.recv() == "ready"
        time.sleep(PAUSE)
        caller.process.kill()
        time.sleep(PAUSE)
        other = start(run, target, then)
        assert other.recv() == "ready"
        print(json.dumps({"dropped": "client", "call": verb, "then": [other.recv() for _ in then]}), flush=True)
    print("done", flush=True)


def serve():
    server = start(listen)
    return server, server.recv()


def listen(pipe):
    import tensorflow as tf

    server = tf.compat.v1.train.Server.create_local_server()
    pipe.send(server.target)
    server.join()


def call(pipe, target, verb):
    """An eager call: a session would make it again, in silence, until its deadline."""
    import tensorflow as tf

    tf.config.experimental_connect_to_host(target, job_name="local")
    with tf.device("/job:local/replica:0/task:0"):
        queue = tf.queue.FIFOQueue(1, [tf.float32], shapes=[[]])
        if verb == "enqueue":
            queue.enqueue(1.0)
        pipe.send("ready")
        try:
            value = queue.enqueue(2.0) if verb == "enqueue" else queue.dequeue()
            # What is remote waits when it is looked at.
            float(queue.size() if value is None else value)
            pipe.send({"code": 0, "message": ""})
        except tf.errors.OpError as error:
            pipe.send({"code": error.error_code, "message": error.message})


def run(pipe, target, verbs):
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        queue = tf.compat.v1.FIFOQueue(1, [tf.float32], shared_name="shared", name="q")
        ops = {"enqueue": queue.enqueue(1.0), "dequeue": queue.dequeue(), "size": queue.size()}
    session = tf.compat.v1.Session(target, graph=graph)
    pipe.send("ready")
    for verb in verbs:
        value = session.run(ops[verb], options=tf.compat.v1.RunOptions(timeout_in_ms=CALL * 1_000))
        pipe.send(None if value is None else float(value))


class Started:
    def __init__(self, process, pipe):
        self.process, self._pipe = process, pipe

    def recv(self):
        assert self._pipe.poll(CALL), "no answer in time"
        return self._pipe.recv()


def start(target, *arguments):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=bounded, args=(target, theirs, *arguments), daemon=True)
    process.start()
    STARTED.append(process)
    return Started(process, ours)


def bounded(target, *arguments):
    watch()
    target(*arguments)


def watch():
    watchdog = threading.Timer(PROCESS, os._exit, [3])
    watchdog.daemon = True
    watchdog.start()


STARTED = []

if __name__ == "__main__":
    watch()
    multiprocessing.set_start_method("spawn")
    try:
        main()
    except BaseException:
        traceback.print_exc()
    for process in STARTED:
        process.kill()
    os._exit(0)
