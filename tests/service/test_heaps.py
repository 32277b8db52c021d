"""The memory that threads leave behind, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

THREADS = """
import ctypes, sys, threading
from labeling_provider.service.heaps import give_back, share_heaps
if sys.argv[1] == "shared":
    share_heaps()
together = threading.Barrier(20)
def work():
    together.wait()
    kept = [bytearray(20_000) for _ in range(100)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
give_back()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(path: Path, how: str) -> int:
    subprocess.run([sys.executable, "-c", THREADS, how, path], check=True)
    return path.read_text().count("<heap ")


def test_threads_share_heaps(tmp_path: Path) -> None:
    assert heaps(tmp_path / "shared.xml", "shared") <= 2 < heaps(tmp_path / "own.xml", "own")
