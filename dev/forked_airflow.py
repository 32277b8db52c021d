"""Airflow's commands, each in a process of its own that is forked from this one, which has imported Airflow.

Importing it takes three seconds of a processor, and an Airflow has four processes. Orders come as lines of JSON on
standard input, and the answer to each is the id of the new process; its own tells that it is ready for them. At the end
of the input, nothing is left to start.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from functools import cache
from importlib import import_module
from typing import Any, TextIO

# What the commands import when they start, or their tasks when they run; arguments name more.
MODULES = (
    "aiobotocore.session",
    "airflow.__main__",
    "airflow.api_fastapi.core_api.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.execution_api.versions",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.task_runner",
    "labeling_provider.hooks.labeling",
    "labeling_provider.operators.labeling_job",
    "labeling_provider.triggers.labeling_job",
    "labeling_provider.ui.plugin",
)


CLIENTS = ("iam", "s3", "sagemaker", "sns", "sqs", "sts")


def read_models() -> None:
    """Read the models of AWS that each task reads for its clients, megabytes of JSON, once for all."""
    import boto3
    import botocore.session

    botocore.session.create_loader = cache(botocore.session.create_loader)
    session = boto3.Session("nobody", "secret", region_name="us-east-1")
    for name in CLIENTS:
        session.client(name)


def make_database() -> None:
    """Make Airflow's tables, in a process of their own: no connection is to be shared with those that follow."""
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0, "the database of Airflow could not be made"
        return
    from airflow.utils.db import initdb

    initdb()
    sys.stdout.flush()
    os._exit(0)


def become(order: dict[str, Any]) -> None:
    """Be the process that was ordered: a group of its own, its output in a file."""
    from setproctitle import setproctitle

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    os.environ.update(order["env"])
    sys.argv = ["airflow", *order["arguments"]]
    setproctitle(" ".join(sys.argv))


def fork_parts(answers: TextIO) -> bool:
    """Fork what is ordered; whether this is one of the new processes."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            become(json.loads(line))
            return True
        print(pid, file=answers, flush=True)
    return False


def main() -> None:
    """Import, then fork."""
    # What libraries print is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # All that is made here stays, so nobody need look for garbage in it, neither now nor in any fork.
    gc.disable()
    from airflow.configuration import write_default_airflow_configuration_if_needed

    write_default_airflow_configuration_if_needed()
    for name in (*MODULES, *sys.argv[1:]):
        import_module(name)
    read_models()
    make_database()
    gc.freeze()
    gc.enable()
    # Nobody waits for those that end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print(os.getpid(), file=answers, flush=True)
    if fork_parts(answers):
        answers.close()
        import_module("airflow.__main__").main()


if __name__ == "__main__":
    main()
