"""The reference reader: print what a daemon decodes, and drop what came too late to be true.

python examples/read_commands.py [tcp://127.0.0.1:5570]
"""

import json
import sys

import numpy as np
import zmq
from pylsl import local_clock

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5570")
socket.subscribe(b"decoded")
while True:
    _, header_bytes, payload = socket.recv_multipart()
    header = json.loads(header_bytes)
    if header["version"] == 2 and header["deadline_s"] >= local_clock():
        values = np.frombuffer(payload, header["dtype"]).reshape(header["shape"])
        print(header["names"], values, header["output"])
