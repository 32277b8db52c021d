"""The Helm chart in ``deploy/``: it starts what the manifests for Kubernetes do."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from labeling_provider.service.__main__ import parser
from labeling_provider.service.settings import unknown_variables
from tests.deploy_files import DEPLOY, KUBERNETES, check_schema, image, pauses, rendered

EVERYTHING = {
    "existingSecret": "labeling",
    "settings": {"LABELING_LOCAL_AUDIT_DAYS": "30"},
    "trustedProxies": ["10.0.0.0/8", "::1"],
    "image": {"pullSecrets": ["registry"]},
    "work": {"autoscaling": {"enabled": True}},
    "ingress": {"className": "nginx"},
    "objects": {"host": "s3.example.com", "service": {"name": "seaweedfs-s3"}},
    "podMonitor": {"enabled": True, "tokenSecret": {"name": "metrics"}},
    "extraVolumes": [{"name": "workforce", "configMap": {"name": "workforce"}}],
    "extraVolumeMounts": [{"name": "workforce", "mountPath": "/workforce", "readOnly": True}],
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}


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
        volumes = EVERYTHING["extraVolumes"], EVERYTHING["extraVolumeMounts"]
        mounts = pod["spec"]["containers"][0].get("volumeMounts")
        assert (pod["spec"].get("volumes"), mounts) == (volumes if everything else (None, None))
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
