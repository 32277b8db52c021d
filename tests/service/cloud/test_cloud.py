"""Objects are in the embedded S3, or in a real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from labeling_provider.service.cloud.cloud import Cloud
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.offered import Call, Service
from labeling_provider.service.database.database import Database
from tests.service.inside import ACCOUNT, REGION, Inside


@pytest.fixture
def own(shared: Inside, tmp_path: Path) -> Iterator[Database]:
    """A database for a cloud of the test's own, which may change moto: the shared service puts that right."""
    shared.stop()
    database = Database(f"sqlite:///{tmp_path / 'labeling.sqlite'}")
    yield database
    database.close()


def asked(cloud: Cloud, method: str, path: str) -> bytes:
    """What the embedded S3 answers."""
    call = Call("", method, path, "", {"host": "localhost"}, "localhost", None, BytesIO(), 0)
    answer = cloud.services.serve(Service.S3, call)
    assert answer.status == 200
    return answer.body.read()


def test_what_jobs_write_is_what_clients_read(own: Database) -> None:
    cloud = Cloud(own, ACCOUNT, REGION, None, staff=Staff())
    cloud.restore()
    asked(cloud, "PUT", "/lab")
    cloud.objects.write({"s3://lab/a": (b"object", "text/plain")})
    assert asked(cloud, "GET", "/lab/a") == b"object"
    assert cloud.objects.link("lab", "a", datetime(2026, 1, 1, tzinfo=UTC), 60) is None


@pytest.mark.parametrize(
    ("public", "address"),
    [(None, "http://s3.internal:9000/lab/a?"), ("https://s3.example.com", "https://s3.example.com/lab/a?")],
)
def test_links_to_objects_in_a_real_s3_lead_to_where_browsers_reach_it(
    own: Database, monkeypatch: pytest.MonkeyPatch, public: str | None, address: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    cloud = Cloud(own, ACCOUNT, REGION, "http://s3.internal:9000", public, staff=Staff())
    link = cloud.objects.link("lab", "a", datetime(2026, 1, 1, tzinfo=UTC), 60)
    assert link is not None
    assert link.startswith(address)
