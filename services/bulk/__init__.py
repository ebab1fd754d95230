"""Changes to very many mailboxes: a frozen list in the database, worked off by whoever lives, however often one dies.

`Bulk` freezes a list, works it off within the service's limits, reads it back and reverses it. What is changed and how
is a `Work`. An item is claimed in the database before its change is sent, and whoever finds a dead claim looks at the
mailbox before anything is sent again.
"""

from services.bulk.engine import Bulk, LeaseLost
from services.bulk.model import Check, Entry, Halt, Job, JobState, Progress, Switches, Work, undo_of
from services.bulk.rows import halt_lists, halt_of

__all__ = [
    "Bulk",
    "Check",
    "Entry",
    "Halt",
    "Job",
    "JobState",
    "LeaseLost",
    "Progress",
    "Switches",
    "Work",
    "halt_lists",
    "halt_of",
    "undo_of",
]
