"""Python reads this when it starts, if its folder is in PYTHONPATH: the process has the time that MOVED_CLOCK says."""

import mmap
import os
import struct
import time

if "MOVED_CLOCK" in os.environ:
    with open(os.environ["MOVED_CLOCK"], "rb") as file:
        _ahead = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    _time = time.time

    def _moved() -> float:
        return _time() + float(struct.unpack("<d", _ahead[:8])[0])

    time.time = _moved
