"""A small video."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

SIZE = (64, 48)


def video(path: Path, frames: int, rate: int = 10) -> Path:
    """A video whose frames become brighter, twelve levels of gray each time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            pixels = np.full((SIZE[1], SIZE[0], 3), min(12 * number, 255), dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
