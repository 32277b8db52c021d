"""Objects in S3, read and written whatever breaks on the way."""

from __future__ import annotations

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.listing import list_uris
from labeling_provider.errors import LabelingError
from labeling_provider.hooks.labeling import LabelingHook
from tests.client.clients import ground_truth
from tests.conftest import Lab
from tests.flaky import connection, proxy


def test_objects_are_read_with_a_limit_and_lines_as_they_come(lab: Lab, client: GroundTruth) -> None:
    uri = lab.put("client/lines", b"a\nbb\r\nc")
    assert list(client.objects.read_lines(uri)) == [b"a\n", b"bb\r\n", b"c"]
    assert client.objects.read(uri, 7) == b"a\nbb\r\nc"
    with pytest.raises(LabelingError, match="larger than 6 bytes"):
        client.objects.read(uri, 6)
    with pytest.raises(LabelingError, match="not an S3 URI"):
        client.objects.read("https://lab/lines", 6)
    with pytest.raises(LabelingError, match="s3://lab/client/nothing can't be read"):
        client.objects.read("s3://lab/client/nothing", 6)


def test_an_object_appears_whole_or_not_at_all(lab: Lab, client: GroundTruth) -> None:
    client.objects.write_text("s3://lab/client/whole/text", "words")
    part = b"x" * (9 << 20)
    with client.objects.writer("s3://lab/client/whole/large.png") as upload:
        upload.write(part)
        upload.write(b"y")
    with pytest.raises(ZeroDivisionError), client.objects.writer("s3://lab/client/whole/none") as upload:
        upload.write(part)
        raise ZeroDivisionError
    assert list(list_uris(client.objects, "s3://lab/client/whole/")) == [
        "s3://lab/client/whole/large.png",
        "s3://lab/client/whole/text",
    ]
    assert lab.get("s3://lab/client/whole/large.png") == part + b"y"
    assert lab.s3.head_object(Bucket="lab", Key="client/whole/large.png")["ContentType"] == "image/png"


def test_an_object_whose_connection_breaks_is_read_on_from_where_it_broke(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"".join(b"line %d of many\n" % number for number in range(200_000))
    uri = connected.put("hook/large", body)
    with proxy(connected) as between:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(between.url))
        between.object_trouble = ["drop", "truncated", "ThrottlingException", "truncated", "slow"]
        assert b"".join(LabelingHook().read_lines(uri)) == body
        assert not between.object_trouble
        between.object_trouble = ["drop", "truncated", "ThrottlingException"]
        with LabelingHook().writer("s3://lab/hook/copy") as upload:
            for line in body.splitlines(keepends=True):
                upload.write(line)
    assert connected.get("s3://lab/hook/copy") == body


def test_a_whole_text_is_stored_with_the_type_that_browsers_show_it_by(lab: Lab, client: GroundTruth) -> None:
    for name, kind in (("a.html", "text/html"), ("a.json", "application/json"), ("a", "binary/octet-stream")):
        client.objects.write_text(f"s3://lab/client/types/{name}", "é")
        assert lab.s3.head_object(Bucket="lab", Key=f"client/types/{name}")["ContentType"] == kind
        assert lab.get(f"s3://lab/client/types/{name}") == "é".encode()


def test_an_upload_that_is_given_up_leaves_no_part_behind(lab: Lab, client: GroundTruth) -> None:
    with pytest.raises(ZeroDivisionError), client.objects.writer("s3://lab/client/given-up") as upload:
        upload.write(b"x" * (9 << 20))
        raise ZeroDivisionError
    pending = lab.s3.list_multipart_uploads(Bucket="lab").get("Uploads", [])
    assert "client/given-up" not in {upload["Key"] for upload in pending}


def test_an_empty_object_is_written_and_read(client: GroundTruth) -> None:
    with client.objects.writer("s3://lab/client/empty"):
        pass
    assert list(client.objects.read_chunks("s3://lab/client/empty")) == []
    assert client.objects.read("s3://lab/client/empty", 0) == b""


def test_where_nothing_can_be_written_is_an_error(client: GroundTruth) -> None:
    with pytest.raises(LabelingError, match="Writing s3://no-such-bucket/a: .*NoSuchBucket"):
        client.objects.write_text("s3://no-such-bucket/a", "text")
    with pytest.raises(LabelingError, match="is not an S3 URI"), client.objects.writer("/local"):
        pass


def test_an_object_that_changes_while_it_is_read_is_an_error_and_never_a_mixture(lab: Lab, client: GroundTruth) -> None:
    uri = lab.put("client/changing", b"a" * (1 << 18))
    with proxy(lab) as between:
        objects = ground_truth(lab, between.url).objects
        between.object_trouble = ["truncated"]
        chunks = objects.read_chunks(uri)
        assert set(next(chunks)) == {ord("a")}
        lab.put("client/changing", b"b" * (1 << 18))
        with pytest.raises(LabelingError, match="client/changing can't be read: .*PreconditionFailed"):
            list(chunks)
