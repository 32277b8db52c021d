"""The kinds of task, one file each: everything that the service knows about a kind.

A kind declares its task types with :func:`~labeling_provider.service.kinds.kind.runs`. Every module in this folder is
imported here. So a new kind is a new file, and a new task type is a row in ``groundtruth/task_types.py`` and its name
in the declaration of its kind.
"""

from importlib import import_module
from pkgutil import iter_modules

from labeling_provider.service.kinds.kind import KINDS

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["KINDS"]
