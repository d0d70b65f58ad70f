"""`python -m eprop_rt_services.processes.leash PARENT MODULE ...`: a module on its parent's leash.

Whatever becomes of the parent, even `kill -9`, nothing of it stays behind.
"""

import runpy
import sys

from eprop_rt_services.processes.mortality import die_with


def main() -> None:
    """Run the module; what a person can mend ends with one line on stderr."""
    parent, module, *arguments = sys.argv[1:]
    die_with(int(parent))
    from eprop_rt.errors import EpropError  # noqa: PLC0415  (a second, in which a parent may go)

    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except EpropError as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main()
