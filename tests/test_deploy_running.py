"""What the compose file starts, started here without containers, by the same settings."""

from __future__ import annotations

import html
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from dev.caddy import Caddy, known_here
from dev.postgresql import postgresql
from dev.seaweedfs import SeaweedFS
from dev.stack import BIN, Service, free_port
from tests.conftest import Lab, texts
from tests.deploy_files import DEPLOY, OF_DATABASE, PARTS, SECRETS, composed, image

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:consolidate"


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
        # Both that answer are called so; here, one does.
        places["serve:8000"] = places["serve-1:8000"]
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
    melon = {"source": "melon", "truth": {"grade": "A"}}
    description, output = lab.run_custom([melon], consolidation_function=FUNCTION)
    assert description["LabelingJobStatus"] == "Completed", description
    assert output[0]["label"] == {"grade": "A", "status": "InProgress", "answers": 3}
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
