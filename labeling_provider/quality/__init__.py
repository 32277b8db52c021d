"""Measures the quality of labels, from the labels themselves and from the workers' answers.

Plain Python: no Airflow, no network. Objects in S3 are read through a store that the caller passes.
"""

from labeling_provider.quality.adjustments import Adjustments, Change
from labeling_provider.quality.agreement import Agreement
from labeling_provider.quality.cuboid_agreement import Cuboids, PointClasses, compare_cuboids
from labeling_provider.quality.drawing_agreement import Painted, Shapes
from labeling_provider.quality.judgement import Boxes, Choice, Judgement, Spans
from labeling_provider.quality.measure import AnsweredJob, Measure
from labeling_provider.quality.reading import judgement_of_answer, judgement_of_label
from labeling_provider.quality.result import Quality, Worker
from labeling_provider.quality.sequence_agreement import Frames, SequenceAgreement, compare
from labeling_provider.quality.worker_responses import AnswerFile, answer_file, chosen_files

__all__ = [
    "Adjustments",
    "Agreement",
    "AnswerFile",
    "AnsweredJob",
    "Boxes",
    "Change",
    "Choice",
    "Cuboids",
    "Frames",
    "Judgement",
    "Measure",
    "Painted",
    "PointClasses",
    "Quality",
    "SequenceAgreement",
    "Shapes",
    "Spans",
    "Worker",
    "answer_file",
    "chosen_files",
    "compare",
    "compare_cuboids",
    "judgement_of_answer",
    "judgement_of_label",
]
