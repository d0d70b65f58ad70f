"""`python -m eprop_rt_services.demo.leash PARENT MODULE ...`: a module that ends with its parent.

Whatever becomes of the parent, even `kill -9`, nothing of the demonstration stays behind.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Ask the kernel to end this process with its parent; only Linux can do so."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the kernel was asked
        sys.exit(1)


def main() -> None:
    """Run the module; what a person can mend ends with one line on stderr."""
    parent, module, *arguments = sys.argv[1:]
    end_with(int(parent))
    from eprop_rt.errors import EpropError  # noqa: PLC0415  (a second, in which a parent may go)

    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except EpropError as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main()
