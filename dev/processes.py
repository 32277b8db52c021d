"""What processes have taken of their machine, as Linux counts it."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, in the kernel as well.

    :raises OSError: if there is no such process.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process now, in MB of a million bytes.

    :raises OSError: if there is no such process.
    """
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Highest resident memory of a process so far, in MB of a million bytes.

    :raises OSError: if there is no such process.
    """
    return _status_mb(pid, "VmHWM")


def _status_mb(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024 / 1e6
