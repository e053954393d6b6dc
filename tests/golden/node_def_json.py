"""Makes node_def_json.json: what Python's protobuf makes of the nodes in nodedef_vectors.json, as JSON and as text.

Run with protobuf 7.36.2 installed: python tests/golden/node_def_json.py
"""

import json
import pathlib

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format

here = pathlib.Path(__file__).parent
files = descriptor_pb2.FileDescriptorSet.FromString((here / "node_def.fds.bin").read_bytes())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
NodeDef = message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.NodeDef"))

made = []
for vector in json.loads((here / "nodedef_vectors.json").read_text()):
    data = vector.get("hex_plain") or vector.get("input_hex")
    if vector.get("ok") is False:
        continue
    node = NodeDef.FromString(bytes.fromhex(data))
    made.append(
        {
            "label": vector["label"],
            "hex": data,
            "json": json.loads(json_format.MessageToJson(node)),
            "text": text_format.MessageToString(node),
        }
    )
(here / "node_def_json.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
