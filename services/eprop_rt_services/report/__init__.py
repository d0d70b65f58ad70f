"""The report of a replay: one page that stands on its own."""

from eprop_rt_services.report.chapter import Chapter, making, sha256_of
from eprop_rt_services.report.place import check_place, write_page

__all__ = ["Chapter", "check_place", "making", "sha256_of", "write_page"]
