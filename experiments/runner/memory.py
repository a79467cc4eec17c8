"""What memory this process has held."""

import resource
import sys
from pathlib import Path


def peak_rss_bytes() -> int:
    """The most memory this process has held, in bytes."""
    # On Linux what getrusage tells begins with the peak of the process that started
    # this one.
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
