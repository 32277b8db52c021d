"""Exports labels to training formats: COCO, YOLO, Pascal VOC, CSV, Parquet, JSON Lines, CoNLL, a folder for Hugging
Face ``datasets``, SageMaker channels; COCO and MOT of videos; KITTI, nuScenes and NumPy of point clouds."""

from labeling_provider.manifest.export.exporter import FORMATS, Export, Exported

__all__ = ["FORMATS", "Export", "Exported"]
