"""A function that waits for what never comes when it is imported, as one does whose S3 hangs."""

from __future__ import annotations

import threading
from typing import Any

threading.Event().wait()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return event
