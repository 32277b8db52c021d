"""Exports labels to training formats: COCO, YOLO, Pascal VOC, CSV, Parquet, JSON Lines, CoNLL, a folder for Hugging
Face ``datasets``, and SageMaker channels."""

from labeling_provider.manifest.export.exporter import FORMATS, Export, Exported

__all__ = ["FORMATS", "Export", "Exported"]
