"""Runs the handlers: dispatch, lease, run, settle."""

from almahook.worker.assign import assign, assign_named, view
from almahook.worker.worker import Services, Worker, WorkerOptions

__all__ = ["Services", "Worker", "WorkerOptions", "assign", "assign_named", "view"]
