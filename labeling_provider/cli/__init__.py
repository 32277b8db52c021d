"""The ``labeling`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_USAGE = """usage: labeling local [options]

  local    run a Ground Truth service on this machine (labeling local --help)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    :return: the exit status.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] != ["local"]:
        print(_USAGE, end="", file=sys.stdout if given[:1] in (["-h"], ["--help"]) else sys.stderr)
        return 0 if given[:1] in (["-h"], ["--help"]) else 2
    try:
        from labeling_provider.service.__main__ import main as local
    except ImportError as error:
        print(
            f"labeling local needs the extra 'local': pip install airflow-provider-labeling[local] ({error})",
            file=sys.stderr,
        )
        return 2
    return local(given[1:])
