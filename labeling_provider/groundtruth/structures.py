"""Makes msgspec's structures ready before threads share them."""

from __future__ import annotations

import sys

import msgspec


def make_ready(module: str) -> None:
    """Let msgspec look at the structures of a module now, in one thread; the module's last line.

    Otherwise it does so when something is first read into one, and two threads that do that at the same moment
    (seen with msgspec 0.22) end the process or never return.

    :param module: the module's ``__name__``.
    """
    for kind in list(vars(sys.modules[module]).values()):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module:
            msgspec.json.Decoder(kind)
