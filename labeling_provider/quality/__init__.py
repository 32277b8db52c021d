"""How good labels are: what workers answered and how far they agree.

Plain Python, as ``manifest`` is: no Airflow, no network; what is at ``s3://`` comes through the caller's store.
"""

from labeling_provider.quality.agreement import Agreement
from labeling_provider.quality.answers import AnswerFile, answer_file, chosen_files
from labeling_provider.quality.judgement import Boxes, Choice, Judgement, Spans, judgement_of_answer, judgement_of_label
from labeling_provider.quality.measure import Job, Measure, Quality, Worker

__all__ = [
    "Agreement",
    "AnswerFile",
    "Boxes",
    "Choice",
    "Job",
    "Judgement",
    "Measure",
    "Quality",
    "Spans",
    "Worker",
    "answer_file",
    "chosen_files",
    "judgement_of_answer",
    "judgement_of_label",
]
