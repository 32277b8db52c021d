"""Under which id the objects of a manifest are pushed."""

from __future__ import annotations

from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.streaming.messages import message_of
from labeling_provider.streaming.sources import Manifest
from tests.conftest import Lab


def test_pages_of_a_document_have_ids_of_their_own(connected: Lab) -> None:
    document = "s3://lab/1.pdf"
    lines = [
        {"source-ref": document},
        {"source-ref": document, "page": 1, "shift": "late"},
        {"page": 2.0, "source-ref": document, "shift": "late"},
        {"source-ref": document, "page": 1.0, "shift": "early"},
        {"source-ref": document, "bird": 0, "bird-metadata": {"class-name": "heron"}},
        {"source": "a text", "page": 1},
        {"source-ref": "s3://lab/half \ud800.pdf"},
    ]
    uri, ground_truth = connected.manifest(lines), LabelingHook().ground_truth
    found = Manifest(ground_truth, uri, None).take(10)
    ids = [one.object_id for one in found]
    # What is only a source keeps the id that it has in jobs that run.
    assert ids[0] == ids[4] == document
    assert ids[5:] == [f"{uri}#6", f"{uri}#7"]
    assert len(set(ids[1:4])) == 3
    assert len({message_of(one.line, one.object_id).text for one in found[:4]}) == 4
    assert [bool(one.problem) for one in found] == [False] * 6 + [True]
    by_page = [one.object_id for one in Manifest(ground_truth, uri, None, ["source-ref", "page"]).take(10)]
    assert by_page[1] == by_page[3] != by_page[2]
    assert by_page[0] == document
    again = Manifest(ground_truth, connected.manifest(list(reversed(lines[:4]))), None).take(10)
    assert [one.object_id for one in again] == ids[3::-1]
