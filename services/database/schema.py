"""The whole schema: importing it knows every module with tables."""

from __future__ import annotations

from services.database import (
    blast_tables,
    bulk_tables,
    guard_tables,
    mail_tables,
    operation_tables,
    tables,
    task_tables,
    trigger_tables,
)

MODULES = (tables, blast_tables, bulk_tables, guard_tables, mail_tables, operation_tables, task_tables, trigger_tables)
metadata = tables.metadata
