"""A database that is taken, damaged, emptied, foreign, full or not one: told in one line, and nothing is lost."""

from __future__ import annotations

import math
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError

from dev.stack import BIN, PATIENCE, Service, wait_until
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError, DatabaseInUse
from labeling_provider.service.database.schema import objects
from labeling_provider.service.database.states import ObjectState
from labeling_provider.service.database.upkeep import restore


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'labeling.sqlite'}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a database that has been used."""
    Database(url_in(tmp_path)).close()
    return tmp_path / "labeling.sqlite"


def started(*options: str) -> subprocess.CompletedProcess[str]:
    """A service that is expected to end by itself."""
    command = [str(BIN / "labeling"), "local", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 60, check=False)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("nonsense", "is invalid; use sqlite"),
        ("postgres://me:secret@host:none/db", "is invalid; use sqlite"),
        ("foo://me:secret@host/db", "starts with 'foo'"),
        ("mysql+pymysql://me:secret@host/db", "starts with 'mysql.pymysql'; use sqlite"),
        ("sqlite+none:///db", "starts with 'sqlite.none'"),
        ("postgresql+pg8000://me:secret@host/db", "needs a driver that is not installed"),
        ("sqlite:////no/such/folder/db", "the folder /no/such/folder does not exist"),
        ("sqlite:////proc/version", "can't be used"),
    ],
)
def test_a_database_url_that_is_no_use_is_told_without_its_password(address: str, reason: str) -> None:
    with pytest.raises(DatabaseError, match=reason) as error:
        Database(address)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bad_database_url_ends_the_service_with_one_line() -> None:
    done = started("--database-url", "foo://me:secret@host/db")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("labeling local: the database URL starts with 'foo'")
    assert "secret" not in line


def test_a_database_serves_one_service_at_a_time_and_is_free_again_when_that_is_killed(tmp_path: Path) -> None:
    address = url_in(tmp_path)
    first = Service(tmp_path / "first", "--database-url", address)
    try:
        done = started("--database-url", address)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            f"labeling local: the database {tmp_path / 'labeling.sqlite'} is in use by another labeling service; "
            "stop it, or use another database"
        ]
        first.kill()
        Database(address).close()
    finally:
        first.stop()


def test_a_database_is_known_under_any_path(tmp_path: Path) -> None:
    store = Database(url_in(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(DatabaseInUse):
        Database(url_in(tmp_path / "link"))
    store.close()
    Database(url_in(tmp_path / "link")).close()


@pytest.mark.parametrize("place", [0, 5000])
def test_a_garbled_database_is_not_opened(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place : place + 9000] = os.urandom(9000)
    file.write_bytes(content)
    with pytest.raises(DatabaseError, match=f"{file} (is damaged|can't be used)"):
        Database(url_in(file.parent))


@pytest.mark.parametrize("what", ["emptied", "deleted"])
def test_a_database_that_is_gone_is_not_taken_for_a_new_one(file: Path, what: str) -> None:
    file.write_bytes(b"") if what == "emptied" else file.unlink()
    with pytest.raises(DatabaseError, match=f"{file} is empty or missing.*delete {file}.lock to start"):
        Database(url_in(file.parent))
    Path(f"{file}.lock").unlink()
    Database(url_in(file.parent)).close()


def test_a_database_that_lacks_something_is_not_opened(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("DROP TABLE messages")
        database.commit()
    with pytest.raises(
        DatabaseError, match="does not belong to the labeling service, or is damaged: it has no table messages"
    ):
        Database(url_in(file.parent))


def test_a_database_of_another_program_is_not_opened(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "labeling.sqlite")) as database:
        database.execute("CREATE TABLE jobs (id INTEGER)")
        database.commit()
    with pytest.raises(DatabaseError, match="its table jobs has no column"):
        Database(url_in(tmp_path))
    with closing(sqlite3.connect(tmp_path / "labeling.sqlite")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("jobs",)]


# While it runs


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Service]:
    """A service whose disk is about to be full."""
    service = Service(tmp_path)
    yield service
    service.stop()


def fill(service: Service, full: bool) -> None:
    """Let the service write no file beyond its size of now, or any."""
    size = 1 if full else resource.RLIM_INFINITY
    resource.prlimit(service.group.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_what_a_full_disk_refuses_is_not_there_and_the_rest_goes_on(full: Service) -> None:
    s3, sqs, sns = (full.client(name, config=_once()) for name in ("s3", "sqs", "sns"))
    s3.create_bucket(Bucket="lab")
    s3.put_object(Bucket="lab", Key="kept", Body=b"old", Metadata={"a": "old"})
    queue = sqs.create_queue(QueueName="kept")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    fill(full, True)
    refused = [
        lambda: s3.put_object(Bucket="lab", Key="kept", Body=b"new"),
        lambda: s3.put_object(Bucket="lab", Key="new", Body=b"new"),
        lambda: s3.delete_object(Bucket="lab", Key="kept"),
        lambda: s3.put_object_tagging(Bucket="lab", Key="kept", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}),
        lambda: s3.put_bucket_versioning(Bucket="lab", VersioningConfiguration={"Status": "Enabled"}),
        lambda: s3.create_bucket(Bucket="new"),
        lambda: sqs.create_queue(QueueName="new"),
        lambda: sns.create_topic(Name="new"),
        lambda: sqs.send_message(QueueUrl=queue, MessageBody="new"),
        lambda: sqs.purge_queue(QueueUrl=queue),
        lambda: sqs.delete_queue(QueueUrl=queue),
    ]
    for call in refused:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500

    def seen(queue: str | None) -> object:
        kept = s3.get_object(Bucket="lab", Key="kept")
        return (
            [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
            [entry["Key"] for entry in s3.list_objects_v2(Bucket="lab")["Contents"]],
            (kept["Body"].read(), kept["Metadata"], kept.get("TagCount")),
            s3.get_bucket_versioning(Bucket="lab").get("Status"),
            [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]],
            sns.list_topics()["Topics"],
            # Who receives a message is written down.
            [message["Body"] for message in sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]]
            if queue
            else ["kept"],
        )

    as_before = (["lab"], ["kept"], (b"old", {"a": "old"}, None), None, ["kept"], [], ["kept"])
    assert seen(None) == as_before
    fill(full, False)
    s3.put_object(Bucket="lab", Key="room", Body=b"again")
    s3.delete_object(Bucket="lab", Key="room")
    full.kill()
    full.start()
    s3, sqs, sns = (full.client(name) for name in ("s3", "sqs", "sns"))
    queue = wait_until(lambda: sqs.get_queue_url(QueueName="kept")["QueueUrl"], 5, "the queue is there")
    assert seen(queue) == as_before


def _once() -> object:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1})


def test_a_large_file_is_read_for_a_while_only_and_a_backup_as_a_whole(file: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{file}")
    row = {"job_id": 1, "state": ObjectState.WAITING, "line": "x" * 3_000}
    with database.write() as connection:
        connection.execute(sa.insert(objects), [{**row, "object_id": number} for number in range(10_000)])
    database.close()
    size = file.stat().st_size
    with file.open("r+b") as damaged:
        # The check goes from the end to the beginning, and comes to this page when most is read.
        damaged.seek(size // 3 // 4096 * 4096)
        damaged.write(b"\xff" * 4096)
    with pytest.raises(DatabaseError, match="damaged"):
        Database(f"sqlite:///{file}", check_seconds=math.inf)

    def opens() -> bool:
        # On a busy machine, all of it may be read before the time is looked at.
        try:
            Database(f"sqlite:///{file}", check_seconds=0).close()
        except DatabaseError:
            return False
        return True

    wait_until(opens, 30, "it was read in part", 0.0)
    with pytest.raises(DatabaseError, match="damaged"):
        restore(f"sqlite:///{tmp_path / 'restored.sqlite'}", file)
    assert not list(tmp_path.glob("restored*"))
