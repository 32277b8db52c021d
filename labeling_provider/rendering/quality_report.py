"""The quality report: one HTML file, no scripts, nothing from other hosts.

Pictures are embedded, and a content security policy forbids everything else.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from labeling_provider.manifest import Files, Label, LabelError, VerdictLabel, read_label
from labeling_provider.quality.adjustments import Adjustments, Change
from labeling_provider.quality.result import BINS, Quality, Sample
from labeling_provider.rendering.drawing import (
    SmallPicture,
    class_names,
    drawn_picture,
    marked_text,
    size_of,
    small_picture,
)
from labeling_provider.rendering.environment import render, share

MAX_CLASSES: Final = 50
MAX_WORKERS: Final = 100
MAX_COMMENTS: Final = 9
MAX_COMMENT: Final = 300
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class _Column(NamedTuple):
    """A column of the histogram: a range of confidence, and the number of labels in it."""

    low: float
    high: float
    labels: int


def report_html(
    quality: Quality,
    files: Files,
    *,
    title: str,
    label_attribute: str,
    shortfalls: Sequence[str] = (),
    audited_attribute: str = "",
) -> bytes:
    """Render the quality report.

    :param files: reads the samples' pictures; a picture that can't be read is left out.
    :param title: what was measured, such as the manifest's URI.
    :param shortfalls: the requirements that were not met, in words.
    :param audited_attribute: for an adjustment: the label attribute with the labels before.
    :return: HTML in UTF-8.
    """
    histograms = {"by people": quality.people.histogram, "by machine": quality.machine.histogram}
    with ThreadPoolExecutor(8) as pool:
        cards = list(pool.map(lambda sample: _card(sample, files, label_attribute), quality.samples))
        compared = quality.adjustments or Adjustments()
        pairs = (audited_attribute, label_attribute)
        changes = list(pool.map(lambda change: _change(change, compared, files, pairs), compared.changes))
    return render(
        "rendering/templates/quality_report.html",
        policy=_POLICY,
        title=title,
        quality=quality,
        shortfalls=shortfalls,
        facts=_facts(quality),
        classes=quality.classes.most_common(MAX_CLASSES),
        max_class=max(*quality.classes.values(), 1) if quality.classes else 1,
        histograms={whose: _columns(counts) for whose, counts in histograms.items() if any(counts)},
        cards=cards,
        changes=changes,
    ).encode()


def _facts(quality: Quality) -> dict[str, str]:
    """The key figures by name."""
    machine = quality.machine
    facts = {
        "objects": f"{quality.objects:,}",
        "labeled by people": f"{quality.people.labels:,}",
        "labeled by machine": f"{machine.labels:,}",
        "failed": f"{quality.failed:,}",
        "unlabeled": f"{quality.unlabeled:,}",
        "mean confidence": share(quality.mean_confidence),
        "agreement (Krippendorff's alpha)": share(quality.agreement),
        "to be relabeled": f"{quality.relabel:,}",
    }
    if quality.golden:
        facts[f"correct, of {quality.golden:,} golden objects"] = share(quality.golden_accuracy)
    if quality.id_switches is not None:
        facts["id switches, compared with golden objects"] = f"{quality.id_switches:,}"
    if quality.golden_apart:
        facts["with a golden object's source but other keys"] = f"{quality.golden_apart:,}"
    if changes := quality.adjustments:
        facts["adjusted labels"] = f"{changes.adjusted:,}"
        facts["labels that nobody changed"] = f"{changes.unadjusted:,}"
        facts["IoU of adjusted labels before and after"] = share(changes.mean_overlap)
        if changes.golden:
            facts[f"correct before the adjustment, of {changes.golden:,} golden objects"] = share(
                changes.golden_accuracy
            )
    if machine.labels:
        facts["mean confidence by machine"] = share(machine.mean_confidence)
    if machine.golden:
        facts[f"correct by machine, of {machine.golden:,} golden objects"] = share(machine.golden_accuracy)
    return facts


def _columns(histogram: Sequence[int]) -> list[_Column]:
    return [_Column(number / BINS, (number + 1) / BINS, count) for number, count in enumerate(histogram)]


def _card(sample: Sample, files: Files, attribute: str) -> dict[str, Any]:
    """A sample's card, as variables for the template."""
    uri, text = sample.line.get("source-ref"), sample.line.get("source")
    card = {"confidence": sample.confidence, "uri": uri[-200:] if isinstance(uri, str) else "", "problem": ""}
    try:
        label = read_label(sample.line, attribute)
    except LabelError as error:
        return {**card, "problem": str(error), "names": "", "shown": ""}
    shown = marked_text(text, label) if isinstance(text, str) else _picture(files, str(uri), label)
    return {**card, "names": class_names(label), "shown": shown}


def _change(change: Change, compared: Adjustments, files: Files, pair: tuple[str, str]) -> dict[str, Any]:
    """The card of a changed label, as variables for the template.

    :param pair: the label attributes before and after.
    """
    uri = str(change.line.get("source-ref", ""))
    labels = [read_label(change.line, attribute) for attribute in pair]
    workers = compared.workers.get(change.number - 1, ())
    return {
        "overlap": change.overlap,
        "uri": uri[-200:],
        "shown": [_picture(files, uri, label) for label in labels],
        "names": [class_names(label) for label in labels],
        "workers": [worker[:100] for worker in workers[:MAX_WORKERS]],
        "comments": [comment[:MAX_COMMENT] for comment in _comments(change.line)][:MAX_COMMENTS],
    }


def _comments(line: Mapping[str, Any]) -> Iterator[str]:
    """What the workers of verifications have said about an object."""
    for key in line:
        try:
            label = read_label(line, key)
        except LabelError:
            continue
        if isinstance(label, VerdictLabel):
            yield from label.comments


def _picture(files: Files, uri: str, label: Label | None) -> Markup:
    """A picture with its label, embedded; empty if it can't be read."""
    picture = small_picture(files, uri, size_of(label))
    if picture is None:
        return Markup("")
    mask = small_picture(files, label.mask_uri) if label is not None and label.mask_uri is not None else None
    return drawn_picture(_embedded(picture), label, None if mask is None else _embedded(mask))


def _embedded(picture: SmallPicture) -> str:
    return f"data:image/{picture.kind};base64,{base64.b64encode(picture.body).decode()}"
