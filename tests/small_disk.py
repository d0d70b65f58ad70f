"""A disk that takes no more, for tests: the process's files may not grow beyond a size."""

import resource
from contextlib import contextmanager


@contextmanager
def files_no_larger(size):
    """Inside this block what is beyond is refused with EFBIG, also in the midst of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
