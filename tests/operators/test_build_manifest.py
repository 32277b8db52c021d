"""Building manifests."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from PIL import Image

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import ManifestError
from labeling_provider.manifest.sequences import read_sequence
from labeling_provider.operators.manifest import (
    BuildManifestOperator,
    ExportLabelsOperator,
    MergeManifestsOperator,
    SplitManifestOperator,
)
from tests.airflow_context import context
from tests.conftest import Lab
from tests.manifest.videos import video
from tests.operators.manifests import build, folder, lines_of, place, shards, sources, sources_of
from tests.operators.tasks import operator, run_id
from tests.own_names import own_id


def test_everything_under_a_prefix_is_listed_in_order(connected: Lab) -> None:
    names = ["1.png", "a b+c%2F#?.png", "a/", "a/1.png", "a/x/2.png", "a.png", "b/1.PNG", "b/1.txt", "ü/é.png"]
    many = [f"many/{number:04}.png" for number in range(30)]
    prefix = folder(connected, [*names, *many])
    result = build(prefix_uri=prefix, suffixes=[".png", ".PNG"])
    wanted = sorted(name for name in [*names, *many] if not name.endswith(("/", ".txt")))
    assert sources(connected, result) == [prefix + name for name in wanted]
    assert (result["objects"], result["found"], result["known"], result["left_out"]) == (37, 37, 0, 0)
    json.dumps(result)


def test_listings_of_many_pages_are_whole(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = folder(connected, [f"{number % 12:02}/{number:03}.png" for number in range(60)] + ["top.png"])
    task = BuildManifestOperator(task_id="build", manifest_uri=place(), prefix_uri=prefix)
    ask = task.hook.s3.list_objects_v2
    task.hook.s3.list_objects_v2 = lambda **arguments: ask(**arguments, MaxKeys=2)
    uris = sources(connected, dict(task.execute(context())))
    assert len(uris) == 61
    assert uris == sorted(uris)


def test_texts_references_and_whole_lines_become_objects(connected: Lab) -> None:
    given = ["a text", "s3://lab/1.png", {"source": "another", "id": 7}, "a text", {"source-ref": "s3://lab/1.png"}]
    result = build(objects=given)
    assert lines_of(connected, result["manifest_uri"]) == [
        {"source": "a text"},
        {"source-ref": "s3://lab/1.png"},
        {"source": "another", "id": 7},
    ]
    assert (result["found"], result["known"]) == (5, 2)
    as_text = build(objects=["s3://lab/1.png"], data_key="source")
    assert lines_of(connected, as_text["manifest_uri"]) == [{"source": "s3://lab/1.png"}]


def test_pages_of_a_document_are_built_labeled_and_merged_as_objects_of_their_own(connected: Lab) -> None:
    def page(number: int | float) -> dict[str, Any]:
        return {"source": "a document", "page": number, "truth": "cat"}

    first = build(objects=[page(1), page(2), page(1.0)])
    assert (first["objects"], first["known"]) == (2, 1)
    done = operator(connected, first["manifest_uri"]).execute(context(**run_id()))
    assert done is not None
    wanted = {"exclude_labeled_in": done, "label_attribute_name": done["label_attribute_name"]}
    second = build(objects=[page(1), page(2), page(3)], **wanted)
    assert lines_of(connected, second["manifest_uri"]) == [page(3)]
    with pytest.raises(AirflowSkipException):
        build(objects=[page(3)], **wanted, object_keys=["source"])
    merged_uri = place()
    uris = [done, second]
    merge = MergeManifestsOperator(task_id="merge", manifest_uris=uris, merged_uri=merged_uri, prefer_job="Nobody")
    merged = merge.execute(context())
    assert merged == {"manifest_uri": merged_uri, "lines": 3, "repeated": 0, "objects": 3, "preferred": 0}
    assert [line["page"] for line in lines_of(connected, merged_uri)] == [1, 2, 3]
    preferred = MergeManifestsOperator(
        task_id="merge",
        manifest_uris=uris,
        merged_uri=merged_uri,
        prefer_job=done["job_name"].upper(),
        object_keys=["source"],
    ).execute(context())
    assert (preferred["objects"], preferred["repeated"], preferred["preferred"]) == (1, 2, 2)
    division = SplitManifestOperator(
        task_id="split",
        manifest_uri=build(objects=[page(number) for number in range(40)])["manifest_uri"],
        output_uri=place("sets"),
        fractions={"train": 0.5, "test": 0.5},
        object_keys=["source", "page"],
    ).execute(context())
    assert min(division["objects"].values()) > 5
    for make in (
        lambda: BuildManifestOperator(task_id="x", manifest_uri="s3://b/m", objects=[], object_keys="page"),
        lambda: MergeManifestsOperator(task_id="x", manifest_uris=[], merged_uri="s3://b/m", object_keys=[]),
        lambda: SplitManifestOperator(task_id="x", manifest_uri="", output_uri="", fractions={}, object_keys="page"),
    ):
        with pytest.raises(ValueError, match="object_keys must be a list"):
            make()


def test_who_is_preferred_in_vain_and_dates_that_can_not_be_read_are_logged(
    connected: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = {"class-name": "a", "creation-date": "yesterday", "job-name": "labeling-job/birds"}
    uri = connected.manifest([{"source": "x", "y": 0, "y-metadata": odd}])
    merge = MergeManifestsOperator(task_id="merge", manifest_uris=uri, merged_uri=place(), prefer_job="bird")
    merged = merge.execute(context())
    assert (merged["preferred"], merged["undated"]) == (0, 1)
    logged = capsys.readouterr().out
    assert "No line has a label from the preferred labeling job 'bird'" in logged
    assert f"{uri}: line 1, byte 0: y-metadata: creation-date 'yesterday' is not an ISO 8601 date" in logged


def test_each_line_of_a_file_is_a_text(connected: Lab) -> None:
    first = connected.put("texts/1.txt", "\ufeffgood\r\n\r\n  bad  \n".encode())
    two = connected.put("texts/2.txt", "größer")
    result = build(text_uris=[first, two])
    assert sources(connected, result) == ["good", "bad", "größer"]
    assert (result["found"], result["empty"]) == (3, 1)
    assert sources(connected, build(text_uris=two)) == ["größer"]


def test_a_column_of_a_table_is_read(connected: Lab) -> None:
    table = connected.put("tables/t.csv", b'id,review\n1,"good, really\nso"\n2,\n3,bad\n')
    assert sources(connected, build(table_uri=table, column="review")) == ["good, really\nso", "bad"]
    import pyarrow
    from pyarrow import parquet

    table = io.BytesIO()
    parquet.write_table(pyarrow.table({"id": [1, 2, 3], "uri": ["s3://lab/1.png", None, "s3://lab/2.png"]}), table)
    uri = connected.put("tables/t.parquet", table.getvalue())
    assert sources(connected, build(table_uri=uri, column="uri")) == ["s3://lab/1.png", "s3://lab/2.png"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("a" * 100_001, "object 2: 100,01"),
        ({"text": "a"}, 'object 2: has no "source" or "source-ref"'),
        ({"source-ref": "/1.png"}, "object 2: .*not an S3 URI"),
        ({"source": {1, 2}}, "object 2: "),
    ],
)
def test_an_object_that_can_be_no_line_is_an_error_and_nothing_is_written(connected: Lab, bad: Any, words: str) -> None:
    uri = place()
    with pytest.raises(ManifestError, match=words):
        build(objects=["good", bad], manifest_uri=uri)
    assert connected.keys(uri.removeprefix("s3://lab/")) == []


def test_only_what_is_not_labeled_yet_is_taken_and_a_day_without_anything_new_is_skipped(connected: Lab) -> None:
    prefix = folder(connected, [f"{number}.png" for number in range(4)])
    earlier = connected.manifest(
        [
            {"source-ref": f"{prefix}0.png", "bird": 1, "bird-metadata": {"class-name": "stork"}},
            {"source-ref": f"{prefix}1.png", "bird-metadata": {"failure-reason": "declined"}},
        ]
    )
    wanted = {"prefix_uri": prefix, "exclude_labeled_in": [earlier], "label_attribute_name": "bird"}
    assert sources(connected, build(**wanted)) == [f"{prefix}{number}.png" for number in (1, 2, 3)]
    assert sources(connected, build(**{**wanted, "label_attribute_name": None})) == [f"{prefix}{n}.png" for n in (2, 3)]
    everything = connected.manifest([{"source-ref": f"{prefix}{n}.png", "bird": 0} for n in range(4)])
    with pytest.raises(AirflowSkipException, match="nothing to label: 4 objects found, 4 of them known"):
        build(**{**wanted, "exclude_labeled_in": {"output_manifest_uri": everything}})
    with pytest.raises(LabelingError, match="nothing to label"):
        build(**{**wanted, "exclude_labeled_in": [everything]}, skip_if_empty=False)


def test_earlier_manifests_may_be_whatever_is_under_a_prefix(connected: Lab) -> None:
    output = f"s3://lab/jobs/{own_id().hex}/"
    wanted = {"objects": ["a", "b", "c"], "exclude_labeled_in": output, "label_attribute_name": "label"}
    assert sources(connected, build(**wanted)) == ["a", "b", "c"]
    result = operator(connected, [{"source": "a", "truth": "cat"}], output_uri=output).execute(context(**run_id()))
    assert result is not None
    connected.put(f"{output.removeprefix('s3://lab/')}other/manifests/input/missing.manifest", b'{"source": "b"}\n')
    assert sources(connected, build(**wanted)) == ["b", "c"]
    with pytest.raises(LabelingError, match="needs label_attribute_name"):
        build(**{**wanted, "label_attribute_name": None})
    with pytest.raises(LabelingError, match="none.manifest can't be read"):
        build(**{**wanted, "exclude_labeled_in": ["s3://lab/none.manifest"]})


def test_so_many_objects_are_chosen_by_a_rule(connected: Lab) -> None:
    objects = [f"text {number}" for number in range(100)]
    first = build(objects=objects, max_objects=10)
    assert sources(connected, first) == objects[:10]
    assert (first["objects"], first["found"], first["left_out"]) == (10, 100, 90)
    chosen = sources(connected, build(objects=objects, max_objects=10, choose="random"))
    assert chosen not in (objects[:10], sorted(objects)[:10])
    assert chosen == sorted(chosen, key=objects.index)
    shuffled = random.Random(1).sample(objects, 100)
    assert set(sources(connected, build(objects=shuffled, max_objects=10, choose="random"))) == set(chosen)
    more = sources(connected, build(objects=objects, max_objects=20, choose="random"))
    assert set(chosen) < set(more)


def test_a_manifest_beyond_the_quota_becomes_several(connected: Lab) -> None:
    uri = place("in.manifest")
    uris, counts = shards(objects=[f"text {number}" for number in range(7)], manifest_uri=uri, shard_size=3)
    assert uris == [uri, uri.replace("in.", "in-2."), uri.replace("in.", "in-3.")]
    assert [len(lines_of(connected, uri)) for uri in uris] == [3, 3, 1]
    assert sources_of(connected, uris) == [f"text {number}" for number in range(7)]
    assert counts["objects"] == 7
    assert shards(objects=["a"], manifest_uri=uri, shard_size=3)[0] == [uri]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"objects": [], "prefix_uri": "s3://lab/"},
        {"table_uri": "s3://lab/t.csv"},
        {"objects": [], "choose": "best"},
        {"objects": [], "max_objects": 0},
        {"objects": [], "shard_size": 0},
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"set exactly one of|column together|must be"):
        BuildManifestOperator(task_id="build", manifest_uri="s3://lab/x", **arguments)


def test_a_prefix_that_can_not_be_listed_is_an_error(connected: Lab) -> None:
    with pytest.raises(LabelingError, match="Listing s3://no-such-bucket/a: "):
        build(prefix_uri="s3://no-such-bucket/a")
    with pytest.raises(LabelingError, match="not an S3 URI"):
        build(prefix_uri="/a")


@pytest.mark.parametrize("preflight", ["fail", "off"])
def test_an_object_that_is_deleted_after_it_was_listed_is_told(connected: Lab, preflight: str) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30)).save(picture, "PNG")
    keys = [f"deleted/{own_id().hex}/{number}.png" for number in range(3)]
    box = {"label": "a", "left": 1, "top": 1, "width": 20, "height": 20}
    lines = [{"source-ref": connected.put(key, picture.getvalue()), "truth": [box]} for key in keys]
    built = build(objects=lines)
    connected.s3.delete_object(Bucket="lab", Key=keys[1])
    task = operator(
        connected,
        built["manifest_uri"],
        task_type="bounding-box",
        labels=["a"],
        preflight=preflight,
        fix_cors=True,
        label_attribute_name="tone",
    )
    if preflight == "fail":
        with pytest.raises(LabelingError, match=keys[1]):
            task.execute(context(**run_id()))
        return
    job = task.execute(context(**run_id()))
    assert (job["counters"]["total_labeled"], job["failed"] + job["unlabeled"]) == (2, 1)
    exported = ExportLabelsOperator(task_id="export", manifest_uri=job, output_uri=place("x"), format="coco")
    result = exported.execute(context())
    assert result["objects"] == {"train": 2}
    assert result["failed"] + result["unlabeled"] == 1


def test_a_job_over_frames_starts_from_a_video(connected: Lab, tmp_path: Path) -> None:
    uri = connected.put(f"{own_id().hex}/cam.mp4", video(tmp_path / "cam.mp4", 20).read_bytes())
    result = build(video_uri=uri, frames_per_second="5")
    (line,) = lines_of(connected, result["manifest_uri"])
    assert line["video-ref"] == uri
    sequence = read_sequence(connected.get(line["source-ref"]), "")
    assert len(sequence.frames) == 10
    job = {"task_type": "video-object-tracking", "labels": ["van"], "label_attribute_name": "track-ref"}
    truth = {"tracking-annotations": []}
    _, (labeled,) = connected.run([{**line, "truth": truth}], workers_per_object=1, **job)
    assert len(json.loads(connected.get(labeled["track-ref"]))["tracking-annotations"]) == 10


def test_how_many_frames_are_taken_belongs_to_videos() -> None:
    with pytest.raises(ValueError, match="frames_per_second needs video_uri"):
        BuildManifestOperator(task_id="b", manifest_uri="s3://lab/m", prefix_uri="s3://lab/", frames_per_second=2)
    with pytest.raises(ValueError, match="frames_per_second must be more than 0, not -1"):
        build(video_uri="s3://lab/cam.mp4", frames_per_second=-1)
