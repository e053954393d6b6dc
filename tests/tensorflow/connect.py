"""Connects to the host in the first argument and prints the tf.errors exception that it answers with, as JSON."""

import json
import sys

import tensorflow as tf

try:
    tf.config.experimental_connect_to_host(sys.argv[1], job_name="worker")
    tf.config.list_logical_devices()
    print("no error")
except tf.errors.OpError as error:
    payloads = {key.decode(): value.hex() for key, value in error.experimental_payloads.items()}
    answer = {"class": type(error).__name__, "code": error.error_code, "message": error.message, "payloads": payloads}
    print(json.dumps(answer))
