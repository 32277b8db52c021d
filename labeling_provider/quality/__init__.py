"""How good labels are: what workers answered, how far they agree, and what a report says of it.

Plain Python, as ``manifest`` is: no Airflow, no network; what is at ``s3://`` comes through the caller's store.
"""

from labeling_provider.quality.agreement import Agreement
from labeling_provider.quality.answers import AnswerFile, answer_file, chosen_files
from labeling_provider.quality.judgement import Boxes, Choice, Judgement, Spans, judgement_of_answer, judgement_of_label
from labeling_provider.quality.measure import Job, Measure, Quality, Worker
from labeling_provider.quality.report import report_html

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
    "report_html",
]
