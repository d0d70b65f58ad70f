"""eprop-rt: online e-prop learning of recurrent spiking networks, bin by bin.

Numbers in, numbers out: nothing here opens a socket or a file, reads a clock or writes a log.
What `__init__.pyi` names is imported when it is first asked for: who wants an error or a setting
alone does not wait for the compiler.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
