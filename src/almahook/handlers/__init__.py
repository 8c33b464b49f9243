"""Handlers: what a library writes, how it is found, and what it is given.

A folder of files, each named after the action or the event that it handles, each with a function
``process(event, ctx)``; or functions decorated with :func:`on`.
"""

from almahook.handlers.context import Context
from almahook.handlers.convention import handler_to_paste
from almahook.handlers.decorator import on
from almahook.handlers.describe import Description, describe
from almahook.handlers.filters import Filter, make_filter
from almahook.handlers.handler import Handler
from almahook.handlers.loader import load_handlers
from almahook.handlers.logbook import AttemptLog
from almahook.handlers.outcome import GiveUp, Retry, Skip
from almahook.handlers.policy import RetryPolicy
from almahook.handlers.ports import AlmaAPI, Notify, Steps, UserRecord
from almahook.handlers.registry import Registry

__all__ = [
    "AlmaAPI",
    "AttemptLog",
    "Context",
    "Description",
    "Filter",
    "GiveUp",
    "Handler",
    "Notify",
    "Registry",
    "Retry",
    "RetryPolicy",
    "Skip",
    "Steps",
    "UserRecord",
    "describe",
    "handler_to_paste",
    "load_handlers",
    "make_filter",
    "on",
]
