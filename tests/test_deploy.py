"""The files in ``deploy/``: what they start is started here without containers, by the same settings."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.postgresql import postgresql
from dev.stack import BIN, ROOT, Service, free_port
from labeling_provider.service.__main__ import parser
from labeling_provider.service.settings import PREFIX, unknown_variables
from tests.conftest import Lab, texts

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PARTS = {
    name: service["command"]
    for name, service in COMPOSE["services"].items()
    if "build" in service and name != "upgrade"
}
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
OF_S3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
SECRETS = {
    "DOMAIN": "labeling.example.com",
    "POSTGRES_PASSWORD": "p",
    "S3_ACCESS_KEY_ID": "local",
    "S3_SECRET_ACCESS_KEY": "local",
    "LABELING_ACCESS_KEY_ID": "owner",
    "LABELING_SECRET_ACCESS_KEY": "the-secret-of-the-owner",
    "LABELING_ENCRYPTION_KEY": "k" * 32,
}


def filled(text: str) -> str:
    """A text of the compose file with its variables, as the file ``.env`` has them."""
    return re.sub(r"\$\{(\w+):\?\}", lambda found: SECRETS[found[1]], text)


def image() -> tuple[dict[str, str], list[str]]:
    """The environment that the image sets, and the command that it starts."""
    content = (DEPLOY / "Containerfile").read_text()
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", content, re.MULTILINE)
    assert block
    variables = dict(one.split("=", 1) for one in shlex.split(block[1].replace("\\\n", " ")))
    return variables, yaml.safe_load(content.rpartition("ENTRYPOINT ")[2].splitlines()[0])


def test_the_comment_names_each_secret() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    comment = text.partition("x-labeling")[0]
    assert set(re.findall(r"\$\{(\w+)", text)) == set(SECRETS) == set(re.findall(r"([A-Z_0-9]+)=", comment))


def test_the_settings_are_settings() -> None:
    made, command = image()
    assert command == ["labeling"]
    assert sorted(PARTS.values()) == [["serve"], ["serve"], ["work"]]
    for name, (part,) in PARTS.items():
        given = COMPOSE["services"][name]["environment"]
        assert unknown_variables(parser(part), {**made, **given}) == []
        assert {one for one in given if not one.startswith(PREFIX)} == {*OF_S3, "AWS_ENDPOINT_URL"}
    functions = COMPOSE["services"]["work"]["environment"]["AWS_ENDPOINT_URL"]
    assert functions == f"http://serve-1:{made['LABELING_LOCAL_PORT']}"


def test_kubernetes_starts_the_same_with_the_same_settings() -> None:
    deployments = {one["metadata"]["name"]: one["spec"] for one in KUBERNETES if one["kind"] == "Deployment"}
    comment = (DEPLOY / "kubernetes.yaml").read_text().partition("apiVersion")[0]
    told = re.findall(r"((?:LABELING|AWS)_[A-Z_0-9]+)=", comment)
    composed = COMPOSE["services"]["work"]["environment"].keys() - {"AWS_ENDPOINT_URL"}
    assert set(told) == composed
    port = int(image()[0]["LABELING_LOCAL_PORT"])
    for part in ("serve", "work"):
        deployment = deployments[f"labeling-{part}"]
        pod = deployment["template"]
        assert deployment["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        (upgrade,), (container,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
        assert (upgrade["args"], container["args"]) == (COMPOSE["services"]["upgrade"]["command"], [part])
        assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {port}
        assert container["envFrom"] == upgrade["envFrom"] == [{"secretRef": {"name": "labeling"}}]
    (service,) = (one for one in KUBERNETES if one["kind"] == "Service")
    assert service["spec"]["selector"] == deployments["labeling-serve"]["selector"]["matchLabels"]
    (ingress,) = (one for one in KUBERNETES if one["kind"] == "Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"number": port}}


EVERYTHING = {
    "existingSecret": "labeling",
    "settings": {"LABELING_LOCAL_AUDIT_DAYS": "30"},
    "trustedProxies": ["10.0.0.0/8", "::1"],
    "image": {"pullSecrets": ["registry"]},
    "work": {"autoscaling": {"enabled": True}},
    "ingress": {"className": "nginx"},
    "podMonitor": {"enabled": True, "tokenSecret": {"name": "metrics"}},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}


def rendered(name: str, values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What Helm makes of the chart, by kind and name, checked against the schemas of Kubernetes."""
    import kubernetes_validate
    from helm_python import Chart

    with Chart.load(DEPLOY / "helm") as chart:
        files = chart.render(values, name=name, namespace="team")
    made = [one for text in files.values() for one in yaml.safe_load_all(text) if one]
    for one in made:
        if one["kind"] != "PodMonitor":
            kubernetes_validate.validate(one, "1.34", strict=True)
    return {(one["kind"], one["metadata"]["name"]): one for one in made}


@pytest.mark.parametrize("values", [{"existingSecret": "labeling"}, EVERYTHING], ids=["least", "everything"])
def test_helm_starts_what_the_manifests_do(values: dict[str, Any]) -> None:
    from helm_python import lint

    # Of the least weight: it would like an icon.
    assert [one for one in lint(DEPLOY / "helm", values, strict=True)["messages"] if one["severity"] > 1] == []
    made = rendered("labeling", values)
    everything = values is EVERYTHING
    service, ingress = made["Service", "labeling"], made["Ingress", "labeling"]
    for part in ("serve", "work"):
        (plain,) = (one for one in KUBERNETES if one["metadata"]["name"] == f"labeling-{part}")
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
            secret, *settings = mine["envFrom"]
            assert [secret] == other["envFrom"]
            assert settings == ([{"configMapRef": {"name": "labeling"}}] if everything else [])
        variables = {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"]}
        assert variables.pop("LABELING_LOCAL_PORT") == image()[0]["LABELING_LOCAL_PORT"]
        assert variables == {one["name"]: one["value"] for one in there["containers"][0].get("env", [])}
        assert ("replicas" in deployment) == (part == "serve" or not everything)
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "labeling", "port": {"name": service["spec"]["ports"][0]["name"]}}
    annotations = next(one for one in KUBERNETES if one["kind"] == "Ingress")["metadata"]["annotations"]
    assert ingress["metadata"]["annotations"] == annotations
    if everything:
        given = made["ConfigMap", "labeling"]["data"]
        assert unknown_variables(parser("work"), given) == []
        assert shlex.split(given["LABELING_LOCAL_TRUSTED_PROXY"]) == values["trustedProxies"]
        scaled = made["HorizontalPodAutoscaler", "labeling-work"]["spec"]["scaleTargetRef"]
        assert scaled["name"] == "labeling-work"


def test_two_releases_of_the_chart_share_nothing() -> None:
    one, other = (rendered(name, EVERYTHING) for name in ("one", "other"))
    assert not one.keys() & other.keys()
    chosen = one["Service", "one"]["spec"]["selector"]
    assert not chosen.items() <= other["Deployment", "other-serve"]["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "existingSecret: name the secret"),
        ({"existingSecret": "a", "replicas": 3}, "'replicas' not allowed"),
        ({"existingSecret": "a", "settings": {"LABELING_LOCAL_SEED": 1}}, "/settings/LABELING_LOCAL_SEED"),
    ],
)
def test_helm_refuses_values_that_are_none(values: dict[str, Any], told: str) -> None:
    from helm_python import HelmError

    with pytest.raises(HelmError, match=told):
        rendered("labeling", values)


def test_the_proxy_asks_the_services_of_the_compose_file() -> None:
    proxied = re.search(r"reverse_proxy (.*) \{", (DEPLOY / "Caddyfile").read_text())
    assert proxied
    port = image()[0]["LABELING_LOCAL_PORT"]
    assert proxied[1].split() == [f"{name}:{port}" for name, part in PARTS.items() if part == ["serve"]]


def test_the_object_store_makes_no_bucket_by_itself() -> None:
    options = shlex.split(COMPOSE["services"]["objects"]["command"])
    assert {"-s3", "-s3.autoCreateBucket=false"} <= set(options)


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[list[Service]]:
    """The services of the compose file, on this machine."""
    with ExitStack() as running:
        server = running.enter_context(postgresql())
        objects = Service(tmp_path / "objects")
        running.callback(objects.stop)
        here = {
            "LABELING_LOCAL_DATABASE_URL": server.create("labeling"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "LABELING_LOCAL_S3_ENDPOINT": objects.endpoint_url,
            "LABELING_LOCAL_HOST": "127.0.0.1",
        }
        services = []
        upgrade = [str(BIN / "labeling"), *COMPOSE["services"]["upgrade"]["command"]]
        subprocess.run(upgrade, env={**os.environ, **here}, check=True)
        for name, (part,) in PARTS.items():
            given = {key: filled(value) for key, value in COMPOSE["services"][name]["environment"].items()}
            env = {**image()[0], **given, **here, "LABELING_LOCAL_PORT": str(free_port())}
            services.append(Service(tmp_path / name, env=env, part=part))
            running.callback(services[-1].stop)
        yield [*services, objects]


@pytest.mark.once
@pytest.mark.e2e
def test_the_services_label_together_whichever_is_asked(deployed: list[Service]) -> None:
    *serving, _, objects = deployed
    keys = {
        "aws_access_key_id": SECRETS["LABELING_ACCESS_KEY_ID"],
        "aws_secret_access_key": SECRETS["LABELING_SECRET_ACCESS_KEY"],
    }
    clients = cycle(service.client("sagemaker", **keys) for service in serving)

    class Balanced(Lab):
        def connect(self) -> None:
            self.s3 = objects.client("s3")

        @property
        def sagemaker(self) -> Any:
            return next(clients)

    description, output = Balanced(serving[0]).run(texts(6), workers_per_object=1)
    assert description["LabelCounters"]["HumanLabeled"] == 6
    assert [line["source"] for line in output] == [line["source"] for line in texts(6)]
    assert all("label-metadata" in line for line in output)
