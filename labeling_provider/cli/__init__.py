"""The ``labeling`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

_USAGE: Final = """usage: labeling COMMAND [options]

  local    run the self-hosted service on this machine (labeling local --help)
  serve    run the API and the pages of a service that several processes share (labeling serve --help)
  work     run the labeling jobs of such a service (labeling work --help)
  database prepare the database of such a service, back it up and restore it (labeling database --help)
  import   bring labeling jobs from Amazon to the self-hosted service (labeling import --help)
  preview  show a worker template as workers will see it (labeling preview --help)
  workers  manage the people who label in the portal of a running service (labeling workers --help)
  jobs     delete labeling jobs of a running service (labeling jobs --help)
  keys     manage the API keys of a running service (labeling keys --help)
  audit    show who did what on a running service (labeling audit --help)
  examples copy the example Dags to a folder of Dags (labeling examples --help)
"""
COMMANDS: Final = {
    "local": "labeling_provider.service.__main__:main",
    "serve": "labeling_provider.service.__main__:serve",
    "work": "labeling_provider.service.__main__:work",
    "database": "labeling_provider.cli.database_commands:main",
    "import": "labeling_provider.cli.importing:main",
    "preview": "labeling_provider.service.web.preview:main",
    "workers": "labeling_provider.cli.workers:main",
    "jobs": "labeling_provider.cli.jobs:main",
    "keys": "labeling_provider.cli.keys:main",
    "audit": "labeling_provider.cli.audit:main",
    "examples": "labeling_provider.cli.examples:main",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    :return: the exit status.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in COMMANDS:
        is_asked = given[:1] in (["-h"], ["--help"])
        print(_USAGE, end="", file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    module, _, function = COMMANDS[given[0]].partition(":")
    try:
        command = import_module(module)
    except ImportError as error:
        print(
            f"labeling {given[0]} needs the extra 'local': pip install 'airflow-provider-labeling[local]' ({error})",
            file=sys.stderr,
        )
        return 2
    status: int = getattr(command, function)(given[1:])
    return status
