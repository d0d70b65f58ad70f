"""Other simulators and libraries, each doing the same learning step in a process of its own.

A peer needs its library and NumPy, and nothing of ours but this package, so that it can run in an
environment of its own. Each module is a program that prints one line of JSON.
"""

import os

# Before a peer's library is imported: all of them read these once.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("PYNEST_QUIET", "1")  # its banner would come before the figures
