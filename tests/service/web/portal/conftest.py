"""People who ask the portal as their browsers do."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.identity_provider import IdentityProvider
from dev.portal import Browser
from dev.stack import Service
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab, Lines


@pytest.fixture
def browser(lab: Lab) -> Callable[[str], Browser]:
    """Makes a browser in which somebody of a name has signed in."""
    return lambda name: Browser(lab.service.endpoint_url).sign_in(name)


class PeopleJob:
    """A text classification job for people.

    :param number: how the portal calls it.
    """

    def __init__(self, lab: Lab, lines: Lines, **arguments: Any) -> None:
        self.lab = lab
        self.title = f"Which animal {uuid.uuid4().hex}?"
        team = arguments.pop("team", lab.team("private-people"))
        self.name = lab.create(lines, workforce=PrivateWorkteam(team), title=self.title, **arguments)
        lab.wait(self.name, {"InProgress"})
        page = Browser(lab.service.endpoint_url).sign_in("whoever").page("/")
        found = re.search(rf'href="/portal/jobs/(\d+)"><bdi>{re.escape(self.title)}', page)
        assert found, page
        self.number = int(found[1])

    def labels(self) -> list[Any]:
        """The labels, when the job has ended."""
        description = self.lab.wait(self.name)
        assert description["LabelingJobStatus"] == "Completed", description
        return [line["label-metadata"]["class-name"] for line in self.lab.output(description)]

    def answers(self) -> list[dict[str, Any]]:
        """All answers, as the output has them."""
        keys = [key for key in self.lab.keys(f"out/{self.name}/annotations/worker-response/") if key.endswith(".json")]
        return [answer for key in keys for answer in json.loads(self.lab.get(f"s3://lab/{key}"))["answers"]]


@pytest.fixture
def people_job(lab: Lab) -> Callable[..., PeopleJob]:
    """Makes a job for people."""
    return lambda lines, **arguments: PeopleJob(lab, lines, **arguments)


KEYS = {"LABELING_LOCAL_ACCESS_KEY_ID": "owner", "LABELING_LOCAL_SECRET_ACCESS_KEY": "the secret of the owner"}


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Service]:
    """A service whose people need passwords, and which trusts the provider's certificate."""
    env = {
        **KEYS,
        "SSL_CERT_FILE": str(provider.certificate),
        "LABELING_ENCRYPTION_KEY": "a key that is long enough for every use".replace(" ", "-"),
    }
    service = Service(tmp_path_factory.mktemp("guarded"), env=env)
    yield service
    service.stop()


@pytest.fixture(scope="session")
def owner(guarded: Service) -> Callable[[str], Any]:
    """Makes boto3 clients of the guarded service with its own keys."""
    keys = {"aws_access_key_id": "owner", "aws_secret_access_key": "the secret of the owner"}
    return lambda name: guarded.client(name, **keys)
