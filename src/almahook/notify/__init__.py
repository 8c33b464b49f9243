"""Texts, mails and chat messages, and the outbox of a dry run."""

from almahook.notify.notifier import Notifier
from almahook.notify.number import international
from almahook.notify.outbox import Message, Outbox, read_outbox

__all__ = ["Message", "Notifier", "Outbox", "international", "read_outbox"]
