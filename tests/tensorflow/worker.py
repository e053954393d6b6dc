"""A TensorFlow worker: prints its target and serves until stdin ends."""

import os
import sys

import tensorflow as tf

server = tf.distribute.Server({"worker": ["localhost:0"]}, job_name="worker", task_index=0)
print(server.target, flush=True)
sys.stdin.read()
# A server does not stop by itself.
os._exit(0)
