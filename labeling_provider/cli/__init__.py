"""The ``labeling`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

_USAGE: Final = """usage: labeling {local,import,preview,workers,keys,audit} [options]

  local    run a Ground Truth service on this machine (labeling local --help)
  import   bring labeling jobs from Amazon to a service of your own (labeling import --help)
  preview  show a worker template as workers will see it (labeling preview --help)
  workers  say who labels in the portal of a running service (labeling workers --help)
  keys     say who may ask a running service for what (labeling keys --help)
  audit    show who did what with a running service (labeling audit --help)
"""
_MODULES: Final = {
    "local": "labeling_provider.service.__main__",
    "import": "labeling_provider.cli.importing",
    "preview": "labeling_provider.service.web.preview",
    "workers": "labeling_provider.cli.workers",
    "keys": "labeling_provider.cli.keys",
    "audit": "labeling_provider.cli.audit",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    :return: the exit status.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in _MODULES:
        is_asked = given[:1] in (["-h"], ["--help"])
        print(_USAGE, end="", file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    try:
        command = import_module(_MODULES[given[0]])
    except ImportError as error:
        print(
            f"labeling {given[0]} needs the extra 'local': pip install airflow-provider-labeling[local] ({error})",
            file=sys.stderr,
        )
        return 2
    status: int = command.main(given[1:])
    return status
