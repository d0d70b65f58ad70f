"""Daemons and the command line: clocks, sockets, files and logs; the numbers are the engine's."""

import os

# Before numpy loads: sums of matrix products then have one order, and a session replays to the
# bit; the other cores belong to acquisition.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
