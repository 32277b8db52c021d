"""The files in ``deploy/``, as their tests read them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import yaml

from dev.stack import BIN, ROOT
from labeling_provider.service.app import CLOSING_SECONDS

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PARTS = {
    name: service["command"]
    for name, service in COMPOSE["services"].items()
    if "build" in service and name not in {"upgrade", "backup"}
}
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
BACKUP = yaml.safe_load((DEPLOY / "backup.yaml").read_text())
KUBERNETES_VERSIONS = ("1.27", "1.37")
"""The oldest that the chart takes, and the newest whose schemas there are."""
OF_DATABASE = ("USER", "PASSWORD", "DB")
OF_S3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
SECRETS = {
    "DOMAIN": "labeling.example.com",
    "POSTGRES_PASSWORD": "p",
    "S3_ACCESS_KEY_ID": "of-the-object-store",
    "S3_SECRET_ACCESS_KEY": "its-secret",
    "LABELING_ACCESS_KEY_ID": "owner",
    "LABELING_SECRET_ACCESS_KEY": "the-secret-of-the-owner",
    "LABELING_ENCRYPTION_KEY": "k" * 32,
}


def compose(folder: Path, settings: dict[str, str], *files: str) -> subprocess.CompletedProcess[str]:
    """Docker Compose reads compose files, with a file ``.env``, and prints what it would start.

    :param folder: for the file ``.env``.
    :param settings: the variables in that file.
    """
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [BIN / "docker-compose", "--env-file", folder / ".env"]
    for file in files or ("compose.yaml",):
        command += ["--file", DEPLOY / file]
    # A variable of this process would count instead of the file's.
    only = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command += ["--profile", "*", "config", "--format", "json"]
    return subprocess.run(command, env=only, capture_output=True, text=True, check=False)


def composed(folder: Path, *files: str, **settings: str) -> dict[str, Any]:
    """The services that Docker Compose starts, by name."""
    done = compose(folder, {**SECRETS, **settings}, *files)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


PROVIDER = {"PROVIDER_CLIENT_SECRET": "p" * 32}


def image() -> tuple[dict[str, str], list[str]]:
    """The environment that the image sets, and the command that it starts."""
    content = (DEPLOY / "Containerfile").read_text()
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", content, re.MULTILINE)
    assert block
    variables = dict(assignment.split("=", 1) for assignment in shlex.split(block[1].replace("\\\n", " ")))
    return variables, yaml.safe_load(content.rpartition("ENTRYPOINT ")[2].splitlines()[0])


def pauses(part: str, container: dict[str, Any], pod: dict[str, Any]) -> None:
    """Check that a process which answers goes on for a while before it ends, and is not killed meanwhile."""
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
    if part == "work":
        assert command is None, "no balancer sends it anything"
    else:
        assert command, "a balancer would send requests to a process that has ended"
        program, seconds = command
        assert program == "sleep"
        # Kubernetes' own default is 30 seconds.
        assert 0 < int(seconds) <= pod.get("terminationGracePeriodSeconds", 30) - 5 * CLOSING_SECONDS


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
POD_MONITOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "PodMonitor"},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "labels": _TEXTS},
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["selector", "podMetricsEndpoints"],
            "properties": {
                "jobLabel": {"type": "string"},
                "selector": {"type": "object", "additionalProperties": False, "properties": {"matchLabels": _TEXTS}},
                "podMetricsEndpoints": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/endpoint"}},
            },
        },
    },
    "definitions": {
        "endpoint": {
            "type": "object",
            "additionalProperties": False,
            "required": ["port"],
            "properties": {
                "port": {"type": "string"},
                "path": {"type": "string"},
                "interval": {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"},
                "authorization": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"credentials": {"$ref": "#/definitions/key"}},
                },
            },
        },
        "key": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "key"],
            "properties": {"name": {"type": "string", "minLength": 1}, "key": {"type": "string", "minLength": 1}},
        },
    },
}
"""What we use of Prometheus Operator's kind, whose schema is no part of Kubernetes. A pod's port goes by its name."""


def rendered(name: str, values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What Helm makes of the chart, by kind and name."""
    from helm_python import Chart

    with Chart.load(DEPLOY / "helm") as chart:
        files = chart.render(values, name=name, namespace="team")
    made = [resource for text in files.values() for resource in yaml.safe_load_all(text) if resource]
    return {(resource["kind"], resource["metadata"]["name"]): resource for resource in made}


def check_schema(resource: dict[str, Any]) -> None:
    """Check a resource against the schema of its kind."""
    import jsonschema
    import kubernetes_validate

    if resource["kind"] == "PodMonitor":
        jsonschema.validate(resource, POD_MONITOR)
        return
    for version in KUBERNETES_VERSIONS:
        kubernetes_validate.validate(resource, version, strict=True)
