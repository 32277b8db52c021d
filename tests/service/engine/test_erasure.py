"""Who is erased is in no table and no file any more, whatever stops that on the way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError, EndpointConnectionError

from dev.stack import ROOT, wait_until
from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.service.database import (
    audit_rows,
    job_rows,
    key_rows,
    object_rows,
    people_rows,
    running,
    sign_in_rows,
)
from labeling_provider.service.database.audit_rows import AuditRow
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.schema import jobs, metadata, objects, tasks
from labeling_provider.service.database.states import ObjectState, RemarkKind, TaskState
from labeling_provider.service.engine import files_of_people
from labeling_provider.service.engine.deletion import Deletion, DeletionError
from labeling_provider.service.engine.erasure import Eraser, ErasureError
from labeling_provider.service.work.people import People, PeopleError
from tests.service.in_process import REGION, TEAM, InProcess, Memory

REFUSED = ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject")
HASH = sign_in_rows.person_key("ann example")
LIMITS = sign_in_rows.TryLimits(9, 9, 9)
AWAY = EndpointConnectionError(endpoint_url="http://objects:8333")


class Stored(Memory):
    """Objects in memory.

    :ivar hook: called with each URI that is read, with those that are about to be written, and with a prefix below
        which all are about to be deleted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hook: Callable[[str, list[str]], None] = lambda what, uris: None

    def read(self, uri: str) -> bytes:
        self.hook("read", [uri])
        return super().read(uri)

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        self.hook("write", list(files))
        super().write(files)

    def delete_below(self, prefix: str) -> int:
        self.hook("delete", [prefix])
        return super().delete_below(prefix)


class Place:
    """A service's tables and objects, in which Ann and Ben have answered."""

    def __init__(self, url: str) -> None:
        self.database, self.files = Database(url), Stored()
        self.people = People(self.database, REGION, passwords=False)
        self.ids = {name: self.people.add(name).worker_id for name in ("Ann Example", "Ben")}
        with self.database.read() as connection:
            self.subs = people_rows.subs(connection, self.ids.values())

    def eraser(self) -> Eraser:
        return Eraser(self.database, self.files, self.people)

    def delete(self, job: str) -> int:
        # Only streaming jobs have a queue.
        messaging: Any = None
        return Deletion(self.database, self.files, messaging).delete(job, with_output=True)

    def job(self, name: str, bucket: str = "lab", count: int = 3, status: JobStatus = JobStatus.COMPLETED) -> None:
        """A job whose objects both have answered, with the files of an own function that writes ids into labels."""
        output = f"s3://{bucket}/out/{name}"
        request = {"LabelingJobName": name, "OutputConfig": {"S3OutputPath": f"s3://{bucket}/out/"}}
        with self.database.write() as connection:
            job_id = job_rows.insert_job(
                connection, name=name, arn=f"arn-{name}", reference_code="r", workteam_arn="w", request=request
            )
            rows = []
            for number in range(count):
                answers = [self.answer(who) for who in self.ids]
                label = {"label": {"by": list(self.ids.values())}}
                result = json.dumps(label)
                rows.append({"object_id": number, "state": ObjectState.LABELED, "line": "{}", "result": result})
                uri = layout.worker_response_uri(output, 1, number, 1_000)
                self.files.objects[uri] = json.dumps({"answers": answers}).encode()
            object_rows.insert(connection, job_id, rows)
            done = {"iteration": 1, "answered": 1_000.5, "stamp": 1_000}
            connection.execute(sa.update(objects).where(objects.c.job_id == job_id).values(done))
            same = {"job_id": job_id, "state": TaskState.SUBMITTED, "expires": 1.0, "answer": "{}"}
            given = [{**same, "object_id": n, "worker_id": who} for n in range(count) for who in self.ids.values()]
            connection.execute(sa.insert(tasks), given)
            running.end(connection, job_id, status, None)
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(iteration=1, status=status))
        text = json.dumps([{"workerId": worker} for worker in self.ids.values()]).encode()
        for which in ("request", "response"):
            self.files.objects[layout.consolidation_uri(output, which, 1, 1_000)] = text
        for uri in (layout.intermediate_uri(output, 1), layout.output_manifest_uri(output)):
            self.files.objects[uri] = text

    def fill(self, worker: str) -> list[str]:
        """Put Ann into every table that has anything of people; what must be in none of them any more."""
        name, tables = "Ann Example", metadata.tables
        with self.database.write() as connection:
            person = people_rows.find_worker(connection, worker)
            assert person
            people_rows.invite(connection, person.id, "hash of her invitation", 9.0)
            people_rows.update_settings(connection, person.id, {"language": "her language"})
            people_rows.join(connection, person.id, "arn-of-her-team")
            people_rows.open_session(connection, person.id, "hash of her session", 9e9, 1.0)
            sign_in_rows.count(connection, sign_in_rows.SignInTry(HASH, "192.0.2.7"), LIMITS, 0.0, 1.0)
            key_rows.insert_key(
                connection, access_key_id="her key", requester=worker, secret="hers", scope={}, expires=9e9
            )
            people_rows.add_remark(connection, 1, 0, worker, RemarkKind.COMMENT, "so", 1.0)
            connection.execute(sa.insert(tables["owners"]).values(arn="arn-own", requester=worker))
            connection.execute(sa.update(jobs).where(jobs.c.name == "Dogs").values(requester=worker))
            draft = {"job_id": 1, "object_id": 99, "expires": 9e9, "answer": "her draft", "worker_id": worker}
            connection.execute(sa.insert(tasks).values(**draft, state=TaskState.ACCEPTED))
            for who, role, what, target in (
                (worker, "worker", "sign-in", name),
                (name.upper(), "nobody", "sign-in", ""),
                (worker, "requester", "own-keys add", "key"),
                ("owner", "administrator", "workers add", f"{name} team"),
                ("owner", "administrator", "AdminDisableUser", self.subs[worker]),
                ("owner", "administrator", "keys add", f"{worker} LABK"),
            ):
                audit_rows.insert(connection, AuditRow(1.0, who, role, "198.51.100.9", what, target, "ok"))
        of_tables = ["her language", "arn-of-her-team", "her session", "her invitation", HASH, "her key", "her draft"]
        return [name, name.upper(), worker, self.subs[worker], *of_tables]

    def answer(self, name: str) -> dict[str, Any]:
        worker = self.ids[name]
        identity = {"identityProviderType": "Cognito", "issuer": "https://idp", "sub": self.subs[worker]}
        return {"answerContent": {"a": 1}, "workerId": worker, "workerMetadata": {"identityData": identity}}

    def holds(self, text: str) -> list[str]:
        """The tables and objects that contain a text."""
        with self.database.read() as connection:
            places = [
                table.name
                for table in metadata.sorted_tables
                if any(text in str(tuple(row)) for row in connection.execute(sa.select(table)))
            ]
        return places + [uri for uri, body in self.files.objects.items() if text.encode() in body]


@pytest.fixture
def place(url: str) -> Iterator[Place]:
    made = Place(url)
    yield made
    made.database.close()


def test_nothing_of_a_person_is_left_in_tables_and_files_but_the_answers(place: Place) -> None:
    place.job("Cats")
    place.job("Dogs", count=1)
    ann, ben = place.ids.values()
    known = place.fill(ann)
    tables = {where for text in known for where in place.holds(text) if "://" not in where}
    assert all(place.holds(text) for text in known)
    # What the page for operators says is true of each of them.
    page = (ROOT / "docs/security.md").read_text().partition("### Where a person's data is")[2].partition("\n## ")[0]
    assert len(tables) >= 11
    assert tables <= set(page.split("`")[1::2])
    before = {uri: body.decode().count(ben) for uri, body in place.files.objects.items()}
    erased = place.eraser().erase("ann example")
    assert erased.files == len(place.files.objects) == 12
    assert [place.holds(text) for text in known] == [[]] * len(known)
    trail = metadata.tables["audit_trail"]
    with place.database.read() as connection:
        roles = connection.execute(sa.select(trail.c.role).where(trail.c.address != "")).scalars()
        assert set(roles) == {"administrator"}, "whose addresses stay"
    assert {uri: body.decode().count(ben) for uri, body in place.files.objects.items()} == before
    assert set(place.holds(erased.worker_id)) == {
        *("tasks", "objects", "remarks", "owners", "jobs", "audit_trail"),
        *place.files.objects,
    }
    document = json.loads(
        place.files.objects["s3://lab/out/Cats/annotations/worker-response/iteration-1/2/1970-01-01_00:16:40.json"]
    )
    plain = {"answerContent": {"a": 1}, "workerId": erased.worker_id}
    assert document["answers"] == [plain, place.answer("Ben")]
    with pytest.raises(PeopleError, match="There is nobody named Ann Example"):
        place.eraser().erase("Ann Example")


@pytest.mark.parametrize("is_named", [True, False], ids=["by name", "by worker id"])
def test_who_was_removed_can_still_be_erased(place: Place, is_named: bool) -> None:
    place.job("Cats")
    ann = place.ids["Ann Example"]
    with place.database.write() as connection:
        row = audit_row(ann)
        connection.execute(sa.insert(metadata.tables["audit_trail"]).values(row))
    place.people.remove("Ann Example")
    assert len(place.holds(ann)) == 3 + 7
    erased = place.eraser().erase("Ann Example" if is_named else ann)
    assert erased.files == 7
    for text in ("Ann Example", ann, place.subs[ann]):
        assert place.holds(text) == []
    assert len(place.holds(erased.worker_id)) == 3 + 7


def audit_row(worker_id: str) -> dict[str, Any]:
    said = {"what": "sign-in", "target": "Ann Example", "address": "192.0.2.7", "outcome": "ok"}
    return {"at": 1.0, "who": worker_id, "role": "worker", **said}


def test_a_bucket_that_is_away_is_named_and_the_next_run_goes_on(place: Place) -> None:
    for name, bucket in (("Cats", "lab"), ("Dogs", "away"), ("Eels", "away"), ("Fish", "refused")):
        place.job(name, bucket)
    ann = place.ids["Ann Example"]
    tried: list[str] = []

    def down(_: str, uris: list[str]) -> None:
        for uri in uris:
            if "://away/" in uri:
                tried.append(uri)
                raise AWAY
            if "://refused/" in uri:
                raise REFUSED

    place.files.hook = down
    with pytest.raises(ErasureError) as caught:
        place.eraser().erase("Ann Example")
    said = str(caught.value)
    for name in (
        "job Dogs (bucket away: ",
        "job Eels (bucket away: ",
        "job Fish (ClientError: ",
        "7 files in S3 changed",
    ):
        assert name in said
    assert "Cats" not in said
    assert len(tried) == 1, "a server that is away takes long each time"
    assert {uri.split("/")[2] for uri in place.holds(ann) if "://" in uri} == {"away", "refused"}
    # The answers have the pseudonym already, and nobody can sign in.
    assert [place for place in place.holds(ann) if "://" not in place] == ["people"]
    assert [person["name"] for person in place.people.list()] == ["Ben"]
    place.files.hook = lambda *_: None
    erased = place.eraser().erase("Ann Example")
    assert erased.files == 21
    assert erased.worker_id in said
    assert place.holds(ann) == []


def test_an_erasure_that_was_killed_goes_on(place: Place) -> None:
    place.job("Cats", count=205)
    writes = 0

    def killed(what: str, _: list[str]) -> None:
        nonlocal writes
        writes += what == "write"
        if writes == 2:
            raise KeyboardInterrupt

    place.files.hook = killed
    with pytest.raises(KeyboardInterrupt):
        place.eraser().erase("Ann Example")
    ann = place.ids["Ann Example"]
    left = len(place.holds(ann))
    assert 1 < left < 205
    place.files.hook = lambda *_: None
    assert place.eraser().erase(ann).files == left - 1
    assert place.holds(ann) == []


def test_a_file_that_somebody_else_has_written_is_named(place: Place) -> None:
    place.job("Cats")
    uri = next(uri for uri in place.files.objects if "worker-response" in uri)
    place.files.objects[uri] = f"{place.ids['Ann Example']}, but no JSON".encode()
    with pytest.raises(ErasureError, match=r"files of: s3://lab/out/Cats/.*\.json \(it is not a file of answers\)"):
        place.eraser().erase("Ann Example")
    del place.files.objects[uri]
    assert place.eraser().erase("Ann Example").files == 0


def test_two_at_once_would_undo_each_other(place: Place) -> None:
    place.job("Cats")
    refused: list[str] = []

    def other(what: str, _: list[str]) -> None:
        if what == "write" and not refused:
            with pytest.raises(PeopleError, match="Somebody else is being erased"):
                place.eraser().erase("Ben")
            refused.append("Ben")

    place.files.hook = other
    place.eraser().erase("Ann Example")
    assert refused
    place.eraser().erase("Ben")
    assert place.holds("Ben") == []


def test_no_file_comes_back_that_is_deleted_while_somebody_is_erased_from_it(place: Place) -> None:
    place.job("Cats")
    place.job("Dogs")
    tried: list[str] = []

    def meanwhile(what: str, uris: list[str]) -> None:
        if what == "write" and not tried:
            tried.append(uris[0])
            with pytest.raises(DeletionError, match="Cats is being deleted, or a person is being erased"):
                place.delete("Cats")
            assert place.delete("Dogs") == 7, "nobody is at the files of another job"

    place.files.hook = meanwhile
    assert place.eraser().erase("Ann Example").files == 7
    assert "/Cats/" in tried[0]
    assert place.delete("Cats") == 7
    assert place.files.objects == {}


def test_an_erasure_waits_for_a_deletion_and_leaves_nothing_of_the_job(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.job("Cats")
    waits, asked, erased = threading.Event(), list[str](), list[int]()
    erasing = threading.Thread(target=lambda: erased.append(place.eraser().erase("Ann Example").files))

    def look(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    def meanwhile(what: str, uris: list[str]) -> None:
        asked.append(what)
        if what == "delete":
            erasing.start()
            wait_until(lambda: waits.is_set() or not erasing.is_alive(), 30, "the erasure waits", 0.005)

    monkeypatch.setattr(files_of_people, "time", SimpleNamespace(sleep=look))
    place.files.hook = meanwhile
    assert place.delete("Cats") == 7
    erasing.join(30)
    assert (erased, asked) == ([0], ["delete"])
    assert place.files.objects == {}


def test_a_job_goes_on_after_somebody_was_erased_in_the_middle_of_its_step(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    people = People(service.store, REGION, passwords=False)
    worker, write, erased = service.workforce.teams[TEAM][0], service.storage.write, list[str]()

    def meanwhile(files: dict[str, tuple[bytes, str]]) -> None:
        if not erased and any("worker-response" in uri for uri in files):
            erased.append(worker.worker_id)
            Eraser(service.store, service.storage, people).erase(worker.worker_id)
        write(files)

    service.storage.write = meanwhile  # type: ignore[method-assign]
    try:
        line = b'{"source": "it purrs", "truth": "cat"}\n'
        description, _ = service.run(line, workers_per_object=3)
        assert erased
        assert description["LabelCounters"]["HumanLabeled"] == 1
        named = [uri for uri, body in service.storage.objects.items() if worker.worker_id.encode() in body]
        assert named == []
    finally:
        service.close()
