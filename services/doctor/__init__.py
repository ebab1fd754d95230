"""Looks whether IRBot could do its work tonight, and says what is missing and how to grant it."""

from services.doctor.examine import examine
from services.doctor.model import Check, Diagnosis, Grade, StepCheck
from services.doctor.page import as_json, as_lines
from services.doctor.prove import Proof, Verdict, find, prove
from services.doctor.scripts import Shell, grant_script
from services.doctor.sources import Sources

__all__ = [
    "Check",
    "Diagnosis",
    "Grade",
    "Proof",
    "Shell",
    "Sources",
    "StepCheck",
    "Verdict",
    "as_json",
    "as_lines",
    "examine",
    "find",
    "grant_script",
    "prove",
]
