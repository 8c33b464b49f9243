"""Runs the handlers: dispatch, lease, run, settle."""

from almahook.worker.assign import assign, assign_named, view
from almahook.worker.journal import Journal
from almahook.worker.runner import Runner
from almahook.worker.services import Services
from almahook.worker.worker import Worker, WorkerOptions

__all__ = [
    "Journal",
    "Runner",
    "Services",
    "Worker",
    "WorkerOptions",
    "assign",
    "assign_named",
    "view",
]
