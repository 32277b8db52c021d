"""The kinds of task, one file each, and what several of them share.

A kind declares its task types with :func:`~labeling_provider.service.kinds.kind.runs`. Every module in this folder is
imported here, those that several kinds share as well. So the service needs one new file for a new kind, and the name of
a new task type in the declaration of its kind. What else a task type needs is in CONTRIBUTING.md.
"""

from importlib import import_module
from pkgutil import iter_modules

from labeling_provider.service.kinds.kind import KINDS

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["KINDS"]
