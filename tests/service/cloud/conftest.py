"""A service in the test's own process, and topics and queues without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.database.database import Database
from labeling_provider.service.work.workforce import WorkforceFile, load_workforce
from tests.service.inside import ACCOUNT, REGION, Inside

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:new"
NAME = "GroundTruth-cats"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A service that each test starts."""
    service = Inside(tmp_path_factory.mktemp("inside"), starts=False)
    yield service
    service.stop()


@pytest.fixture
def inside(shared: Inside, tmp_path: Path) -> Inside:
    """A service that is new."""
    shared.url = f"sqlite:///{tmp_path / 'labeling.sqlite'}"
    shared.start()
    return shared


@pytest.fixture
def workforce(tmp_path: Path) -> WorkforceFile:
    path = tmp_path / "workforce.json"
    path.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 2}}}))
    return load_workforce(path, seed=1, region=REGION, account=ACCOUNT)


@pytest.fixture
def messaging(database: Database) -> EmbeddedMessaging:
    """Topics and queues, with one topic."""
    embedded = EmbeddedMessaging(database, ACCOUNT, REGION)
    with embedded.recording():
        embedded._sns.create_topic("new")
    return embedded


def bodies(messaging: EmbeddedMessaging, max_messages: int = 9) -> list[str]:
    return [message.body for message in messaging.waiting(NAME, max_messages)]
