"""Airflow's commands, each in a process of its own that is forked from this one, which has imported Airflow."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from importlib import import_module

from dev.forks import await_orders

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


def read_models(*clients: str) -> None:
    """Read the models of AWS that each process reads for its clients, megabytes of JSON, once for all."""
    import boto3
    import botocore.session

    botocore.session.create_loader = cache(botocore.session.create_loader)
    session = boto3.Session("nobody", "secret", region_name="us-east-1")
    for name in clients:
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


def main() -> None:
    """Import, then fork."""
    gc.disable()
    from setproctitle import setproctitle

    # Where a title can be is only found while the environment is still in its first place.
    setproctitle("airflow importer")
    from airflow.configuration import write_default_airflow_configuration_if_needed

    write_default_airflow_configuration_if_needed()
    for name in (*MODULES, *sys.argv[2:]):
        import_module(name)
    read_models(*CLIENTS)
    make_database()
    if await_orders():
        setproctitle(" ".join(sys.argv))
        import_module("airflow.__main__").main()


if __name__ == "__main__":
    main()
