"""Reads, checks, filters, splits, merges and writes manifests: JSON Lines files of data objects.

Plain Python: no Airflow, no network. Objects in S3 are read and written through a store that the caller passes.
"""

from labeling_provider.manifest.audits import AuditedLabels, audited_label
from labeling_provider.manifest.files import Files, Sink, Store
from labeling_provider.manifest.follow_up import merge_rounds, missing_lines, without_label
from labeling_provider.manifest.labels import (
    Box,
    BoxesLabel,
    ClassesLabel,
    ClassLabel,
    Cuboid,
    CuboidsLabel,
    EntitiesLabel,
    Entity,
    EntityLabel,
    ImageSize,
    Label,
    LabelError,
    MaskColor,
    MaskLabel,
    PointMaskLabel,
    SequenceLabel,
    VerdictLabel,
    read_label,
)
from labeling_provider.manifest.manifests import Manifests, Merged
from labeling_provider.manifest.merge import Merge
from labeling_provider.manifest.metadata import LabelMetadata
from labeling_provider.manifest.reader import LineProblem, ManifestError, parse_line, split_lines, written
from labeling_provider.manifest.scan import (
    LabeledLine,
    Line,
    ManifestReport,
    Scan,
    check_manifest,
    read_manifest,
    scan,
    scan_labels,
)
from labeling_provider.manifest.select import Filter, Known, Split

__all__ = [
    "AuditedLabels",
    "Box",
    "BoxesLabel",
    "ClassLabel",
    "ClassesLabel",
    "Cuboid",
    "CuboidsLabel",
    "EntitiesLabel",
    "Entity",
    "EntityLabel",
    "Files",
    "Filter",
    "ImageSize",
    "Known",
    "Label",
    "LabelError",
    "LabelMetadata",
    "LabeledLine",
    "Line",
    "LineProblem",
    "ManifestError",
    "ManifestReport",
    "Manifests",
    "MaskColor",
    "MaskLabel",
    "Merge",
    "Merged",
    "PointMaskLabel",
    "Scan",
    "SequenceLabel",
    "Sink",
    "Split",
    "Store",
    "VerdictLabel",
    "audited_label",
    "check_manifest",
    "merge_rounds",
    "missing_lines",
    "parse_line",
    "read_label",
    "read_manifest",
    "scan",
    "scan_labels",
    "split_lines",
    "without_label",
    "written",
]
