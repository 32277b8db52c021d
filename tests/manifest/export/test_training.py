"""Numbers of classes: the same in all sets, and those that the lines have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifest.exports import (
    BOX,
    FAILED,
    WAITING,
    Exporting,
    boxed,
    classed,
    is_red,
    load,
    metadata,
    raw,
    reasons,
    several,
    spanned,
    stored_turned,
)


def masked(name: str, colors: dict[str, str]) -> dict[str, Any]:
    palette = {number: {"class-name": name, "hex-color": "#ffffff"} for number, name in colors.items()}
    about = metadata("semantic-segmentation", **{"internal-color-map": palette})
    return {"source-ref": f"s3://marsh/{name}", "bird": f"s3://marsh/{name}.mask.png", "bird-metadata": about}


def pipe(export: Exporting, *lines: Any, **more: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    exported = export("sagemaker-pipe", *lines, **more)
    assert exported.left_out == 0, exported.problems
    return export.lines("train.manifest"), exported.training["hyperparameters"]


def test_lines_of_a_channel_have_the_numbers_that_are_given(export: Exporting) -> None:
    order = ["crane", "stork", "heron"]
    kept = {"source-ref": "s3://marsh/a.jpg", "other": {"class_id": 2}}
    (line,), parameters = pipe(export, {**boxed("a.jpg", (0, *BOX), (2, *BOX), (0, *BOX)), **kept}, classes=order)
    assert [box["class_id"] for box in line["bird"]["annotations"]] == [2, 1, 2]
    assert line["bird-metadata"]["class-map"] == {"2": "heron", "1": "stork"}
    assert {key: line[key] for key in kept} == kept
    assert line["bird"]["image_size"] == [{"width": 200, "height": 100, "depth": 3}]
    assert parameters["num_classes"] == "3"
    (line,), parameters = pipe(export, classed("text", 0, "heron"), classes=order)
    assert (line["bird"], line["bird-metadata"]["class-name"]) == (2, "heron")
    assert parameters["num_classes"] == "3"
    (line,), _ = pipe(export, several("text", {"0": "heron", "2": "stork"}), classes=order)
    assert line["bird"] == [2, 1]
    assert line["bird-metadata"]["class-map"] == {"2": "heron", "1": "stork"}
    assert line["bird-metadata"]["confidence-map"] == {"2": 0.8, "1": 0.8}
    number = classed("text", 0, "heron")
    number["bird"] = "0"
    assert pipe(export, number, classes=order)[0][0]["bird"] == "2"


@given(order=st.permutations(["a", "b", "c", "d"]), drawn=st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_numbers_of_a_channel_mean_the_same_as_before(
    order: list[str], drawn: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    export = Exporting(tmp_path_factory.mktemp("export"))
    names = {str(number): name for number, name in enumerate("abcd")}
    (line,), parameters = pipe(
        export, boxed("a.jpg", *[(number, *BOX) for number in drawn], names=names), classes=order
    )
    numbers = [box["class_id"] for box in line["bird"]["annotations"]]
    assert [order[number] for number in numbers] == ["abcd"[index] for index in drawn]
    assert all(line["bird-metadata"]["class-map"][str(number)] == order[number] for number in numbers)
    assert max(numbers) < int(parameters["num_classes"]) == 4


@pytest.mark.parametrize("names", [("train", "validation"), ("validation", "train"), ("test", "Training")])
def test_the_training_set_is_counted_whatever_the_order(export: Exporting, names: tuple[str, str]) -> None:
    sizes = {"train": 3, "Training": 3}
    sets = {name: [classed("a", 0, "heron")] * sizes.get(name, 1) for name in names}
    exported = export("sagemaker-pipe", sets=sets)
    assert exported.training["hyperparameters"]["num_training_samples"] == "3"


def test_sets_of_which_none_is_for_training_have_no_count_of_it(export: Exporting) -> None:
    line = classed("a", 0, "heron")
    exported = export("sagemaker-pipe", sets={"spring": [line], "autumn": [line]})
    assert exported.training["hyperparameters"] == {"num_classes": "1"}
    assert export("sagemaker-pipe", sets={"spring": [line]}).training["hyperparameters"]["num_training_samples"] == "1"


def test_channels_of_masks_have_the_number_of_classes(export: Exporting) -> None:
    colors = {"0": "BACKGROUND", "1": "water", "3": "reed"}
    lines = [masked("a.jpg", colors), masked("b.jpg", {"0": "BACKGROUND"})]
    exported = export("sagemaker-pipe", *lines)
    assert exported.training["hyperparameters"] == {"num_classes": "4", "num_training_samples": "2"}
    assert exported.classes == ["BACKGROUND", "water", "unused-2", "reed"]
    kept = export("sagemaker-pipe", *lines, classes=["BACKGROUND", "water", "mud", "reed"])
    assert (kept.left_out, kept.training["hyperparameters"]["num_classes"]) == (0, "4")
    assert export.read("train.manifest").count("a.jpg.mask.png") == 1
    other = export("sagemaker-pipe", *lines, classes=["BACKGROUND", "reed", "water"])
    assert (other.objects, other.left_out) == ({"train": 1}, 1)
    assert "'water' is 1 in the mask and 2 in classes; masks are not changed" in reasons(other)[0][1]


def test_hugging_face_reads_pictures_of_any_name(export: Exporting) -> None:
    names = ["metadata.jsonl", "metadata.csv", "a", "b.PNG", "c.dat", "d.zip", "e.jpg.zip"]
    for name in names:
        export.picture(name)
    export("huggingface", *[boxed(name, (0, 1, 1, 5, 5)) for name in names])
    read = load(export.folder)["train"]
    assert read.num_rows == len(names)
    assert all(row["image"].size == (200, 100) for row in read)


def test_hugging_face_reads_sets_with_whole_and_with_broken_numbers(export: Exporting) -> None:
    for name in ("1.png", "2.png"):
        export.picture(name)
    sets = {"train": [boxed("1.png", (0, 1, 1, 5, 5))], "test": [boxed("2.png", (0, 1.5, 1, 5, 5))]}
    export("huggingface", sets=sets)
    read = load(export.folder)
    assert read["train"][0]["objects"]["bbox"] == [[1, 1, 5, 5]]
    assert read["test"][0]["objects"]["bbox"] == [[1.5, 1, 5, 5]]


def test_sets_that_hugging_face_can_not_read_together_are_told(export: Exporting) -> None:
    for name in ("1.png", "2.png"):
        export.picture(name)
    sets = {"train": [boxed("1.png", (0, 1, 1, 5, 5))], "test": [boxed("2.png")]}
    exported = export("huggingface", sets=sets)
    assert (exported.objects, exported.notes) == ({"train": 1, "test": 1}, {"sets_without_boxes": 1})
    with pytest.raises(ValueError, match="different features"):
        load(export.folder)
    assert export("huggingface", sets={"train": [boxed("1.png")], "test": [boxed("2.png")]}).notes == {}
    assert load(export.folder)["test"].num_rows == 1


def test_pictures_with_classes_are_as_workers_saw_them(export: Exporting) -> None:
    export.bucket.objects["s3://marsh/a.jpg"] = stored_turned("JPEG")
    export("huggingface", classed("s3://marsh/a.jpg", 0, "heron", "image-classification"))
    image = load(export.folder)["train"][0]["image"]
    assert image.size == (200, 100)
    assert is_red(image.convert("RGB"), 0.1, 0.1)


def test_hugging_face_reads_classes_of_texts(export: Exporting) -> None:
    sets = {"train": [classed("good", 2, "stork"), classed("bad", 0, "heron")], "test": [classed("so so", 0, "heron")]}
    export("huggingface", sets=sets)
    read = load(export.folder)
    assert {name: part.num_rows for name, part in read.items()} == {"train": 2, "test": 1}
    assert read["train"].features["label"].names == ["heron", "unused-1", "stork"]
    assert list(read["train"]["text"]) == ["good", "bad"]
    assert list(read["train"]["label"]) == [2, 0]


def test_hugging_face_reads_pictures_with_boxes(export: Exporting) -> None:
    for name in ("1.png", "2.png"):
        export.picture(name)
    exported = export("huggingface", boxed("1.png", (2, 190, 90, 40, 40)), boxed("2.png"), boxed("gone.png"))
    assert (exported.objects, exported.left_out, exported.notes) == ({"train": 2}, 1, {"boxes_cut": 1})
    read = load(export.folder)["train"]
    assert read[0]["image"].size == (200, 100)
    assert read[0]["objects"] == {"bbox": [[190, 90, 10, 10]], "category": [2]}
    assert read[1]["objects"] == {"bbox": [], "category": []}
    assert read.features["objects"]["category"].feature.names == ["unused-0", "unused-1", "stork"]


def test_hugging_face_reads_classes_of_pictures_and_entities(export: Exporting, tmp_path: Path) -> None:
    export.picture("1.png")
    export("huggingface", classed("s3://marsh/1.png", 1, "stork", "image-classification"))
    (row,) = load(export.folder)["train"]
    assert (row["image"].size, row["label"]) == ((200, 100), 1)
    texts = Exporting(tmp_path / "texts")
    texts.folder.mkdir()
    texts("huggingface", spanned("The Aurora left.", (4, 10, "ship")), several("two kinds", {"0": "a"}))
    (row,) = load(texts.folder)["train"]
    assert row == {"text": "The Aurora left.", "entities": [{"start": 4, "end": 10, "label": "ship"}]}
    many = Exporting(tmp_path / "many")
    many.folder.mkdir()
    many("huggingface", several("both", {"0": "heron", "1": "stork"}), several("none", {}))
    assert list(load(many.folder)["train"]["labels"]) == [[0, 1], []]


def test_channels_of_a_training(export: Exporting) -> None:
    lines = [boxed("a.jpg", (0, 1, 1, 5, 5), (0, 9, 9, 5, 5), (2, 1, 1, 5, 5)), FAILED, WAITING, boxed("b.jpg")]
    exported = export(
        "sagemaker-pipe", sets={"train": lines, "validation": [boxed("c.jpg", (0, 1, 1, 5, 5))], "none": []}
    )
    train, validation = exported.training["channels"]
    assert train["DataSource"]["S3DataSource"]["AttributeNames"] == ["source-ref", "bird"]
    assert validation["DataSource"]["S3DataSource"]["S3Uri"] == str(export.folder / "out/validation.manifest")
    assert exported.training["hyperparameters"] == {
        "label_width": "17",
        "num_classes": "3",
        "num_training_samples": "2",
    }
    assert [line["source-ref"] for line in export.lines("train.manifest")] == ["s3://marsh/a.jpg", "s3://marsh/b.jpg"]
    assert export.read("train.manifest").splitlines()[0].encode() + b"\n" == raw(lines[0])
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape.members["InputDataConfig"]
    assert not ParamValidator().validate(exported.training["channels"], shape).has_errors()


def test_classes_of_texts_as_channels(export: Exporting) -> None:
    exported = export("sagemaker-pipe", classed("good", 1, "praise"), classed("s3://marsh/a.txt", 0, "blame"))
    assert exported.left_out == 1
    assert exported.training["channels"][0]["DataSource"]["S3DataSource"]["AttributeNames"] == ["source", "bird"]
    assert exported.training["hyperparameters"] == {"num_classes": "2", "num_training_samples": "1"}
