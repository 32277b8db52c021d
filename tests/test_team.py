"""``docs/team.md``, followed word by word: ten people label with a service of several processes."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from dev.balancer import Balancer
from dev.portal import Browser
from dev.postgresql import postgresql
from dev.stack import BIN, ROOT, Service, free_port, wait_until
from tests.snippets import blocks

GUIDE = ROOT / "docs/team.md"
PASSWORD = "a password of one's own"


@pytest.mark.e2e
@pytest.mark.once
def test_from_nothing_to_ten_people_who_label(tmp_path: Path) -> None:
    prepare, start, people, provider, key, job, backup, delete = blocks(GUIDE, "bash")
    exported = dict(re.findall(r"(\w+)=(\S+)", "".join(block for block in blocks(GUIDE, "sh") if "export" in block)))
    with ExitStack() as running:
        server = running.enter_context(postgresql())
        objects = Service(tmp_path / "objects")
        running.callback(objects.stop)
        here = {
            "LABELING_LOCAL_DATABASE_URL": server.create("labeling"),
            "LABELING_LOCAL_S3_ENDPOINT": objects.endpoint_url,
            # The pair that the object store of this test knows.
            **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "local"),
        }
        assert exported.keys() >= here.keys()
        env = {**os.environ, **exported, **here, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

        def run(script: str) -> str:
            done = subprocess.run(
                ["bash", "-euc", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        del env["AWS_ENDPOINT_URL"]
        run(prepare)
        serving = []
        for number, line in enumerate(start.splitlines()):
            command, part, *options = shlex.split(line)
            assert command == "labeling"
            # Ports of this machine may be taken.
            options[options.index("--port") + 1] = str(free_port())
            process = Service(tmp_path / str(number), *options, env=env, part=part)
            running.callback(process.stop)
            if part == "serve":
                serving.append(process)
        balancer = Balancer([urlsplit(replica.endpoint_url).port or 0 for replica in serving])
        running.callback(balancer.stop)
        env["AWS_ENDPOINT_URL"] = balancer.endpoint_url
        invitations = re.findall(r"https?://\S+", run(people))
        assert len(invitations) == 10
        assert "LABK" in run(key)
        run(job)
        assert run(job) == "The job first is there already.\n"
        keys = {
            "aws_access_key_id": env["LABELING_LOCAL_ACCESS_KEY_ID"],
            "aws_secret_access_key": env["LABELING_LOCAL_SECRET_ACCESS_KEY"],
        }
        sagemaker = serving[1].client("sagemaker", **keys)

        def status() -> str:
            return str(sagemaker.describe_labeling_job(LabelingJobName="first")["LabelingJobStatus"])

        labeled: list[str] = []
        troubles: list[BaseException] = []
        everybody = threading.Barrier(len(invitations))

        def label(invitation: str) -> None:
            try:
                browser = Browser(balancer.endpoint_url)
                path = urlsplit(invitation).path.removeprefix("/portal")
                browser.page(path)
                browser.send(path, password=PASSWORD, token=browser.token)
                page = browser.page("/")
                number = int(wait_until(lambda: re.search(r"/portal/jobs/(\d+)", page), 1, "the job is offered")[1])
                handed = browser.next(number, 20)
                assert handed["task"], "everybody has something to do"
                everybody.wait(60)
                while handed["task"]:
                    handed = browser.submit(number, handed["task"]["id"], "good")
                    labeled.append(invitation)
                    # No one is kept at one process.
                    browser.connection.close()
            except BaseException as error:
                troubles.append(error)
                raise

        threads = [threading.Thread(target=label, args=(invitation,), daemon=True) for invitation in invitations]
        wait_until(lambda: status() == "InProgress", 60, "the job begins")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert troubles == []
        wait_until(lambda: status() == "Completed", 60, "the job ends")
        assert len(labeled) == 100
        # A picture of another job, which people see by a link.
        bucket = objects.client("s3")
        bucket.put_object(Bucket="first", Key="pictures/a b.png", Body=b"pixels")
        (ada,) = (line.split()[1] for line in run("labeling workers list").splitlines() if line.startswith("Ada "))
        run(backup)
        run(delete)
        with pytest.raises(sagemaker.exceptions.ClientError, match="no labeling job named first"):
            status()
        answers = [
            bucket.get_object(Bucket="first", Key=entry["Key"])["Body"].read()
            for entry in bucket.list_objects_v2(Bucket="first")["Contents"]
            if "/worker-response/" in entry["Key"]
        ]
        assert answers
        assert ada.encode() not in b"".join(answers)
        # Database and bucket are lost. What was backed up comes back.
        for entry in bucket.list_objects_v2(Bucket="first")["Contents"]:
            bucket.delete_object(Bucket="first", Key=entry["Key"])
        bucket.delete_bucket(Bucket="first")
        env["LABELING_LOCAL_DATABASE_URL"] = server.create("restored")
        restore = next(block for block in blocks(GUIDE, "sh") if " restore " in block)
        run(re.sub(r"--database-url \S+ ", "", restore))
        restored = Service(tmp_path / "restored", env=env, part="serve")
        running.callback(restored.stop)
        sagemaker = restored.client("sagemaker", **keys)
        described = sagemaker.describe_labeling_job(LabelingJobName="first")
        assert described["LabelCounters"]["HumanLabeled"] == 100
        output = described["LabelingJobOutput"]["OutputDatasetS3Uri"].removeprefix("s3://first/")
        lines = list(map(json.loads, bucket.get_object(Bucket="first", Key=output)["Body"].iter_lines()))
        assert [line["source"] for line in lines] == [f"text {number}" for number in range(100)]
        assert {line["label-metadata"]["class-name"] for line in lines} == {"good"}
        page = sagemaker.render_ui_template(
            UiTemplate={"Content": "{{ task.input.taskObject | grant_read_access }}"},
            Task={"Input": json.dumps({"taskObject": "s3://first/pictures/a b.png"})},
            RoleArn=described["RoleArn"],
        )
        with urlopen(html.unescape(page["RenderedContent"])) as picture:
            assert picture.read() == b"pixels"
        Browser(restored.endpoint_url).sign_in("Ada", PASSWORD)
        # From now on, with an identity provider.
        env |= {"AWS_ENDPOINT_URL": restored.endpoint_url, "PROVIDER_CLIENT_SECRET": "p" * 32}
        run(provider)
        _, headers, _ = Browser(restored.endpoint_url).ask("GET", "/portal/sign-in/provider?onward=/")
        asked = headers["location"]
        assert asked.startswith("https://auth.labeling.example.com/api/oidc/authorization?response_type=code&")
        assert "scope=openid+labeling&" in asked


def test_the_proxy_of_one_machine_asks_the_processes_of_the_page() -> None:
    (settings,) = (block for block in blocks(GUIDE, "sh") if "caddy run" in block)
    _, *exports = shlex.split(settings.splitlines()[0])
    env = os.environ | dict(setting.split("=") for setting in exports) | {"TLS": "tls internal"}
    command = [str(BIN / "caddy"), "adapt", "--config", str(ROOT / "deploy/Caddyfile")]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    started = re.findall(r"labeling serve .*--port (\d+)", GUIDE.read_text())
    assert {f"127.0.0.1:{port}" for port in started} | {"127.0.0.1:8333"} == set(
        re.findall(r'"dial":"([^"]+)"', done.stdout)
    )
    apps = json.loads(done.stdout)["apps"]
    assert apps["tls"]["automation"]["policies"][0]["issuers"] == [{"module": "internal"}]
    assert "not available at the moment" in json.dumps(apps["http"]["servers"]["srv0"]["errors"])
