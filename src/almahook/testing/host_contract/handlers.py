"""The handlers of the contract: one for each way in which a run can end."""

from almahook.events import Event
from almahook.handlers import GiveUp, Retry, Skip, on


@on("LOAN")
def succeeds(_event: Event) -> None:
    """Do what was asked."""


@on("USER")
def skips(_event: Event) -> Skip:
    """Find nothing to do."""
    return Skip("nothing to do")


@on("ITEM")
def raises(_event: Event) -> None:
    """Fail as a bug does."""
    raise LookupError("of no concern to Alma")


@on("BIB")
def asks_for_another_try(_event: Event) -> None:
    """Ask to be run again."""
    raise Retry("of no concern to Alma")


@on("REQUEST")
def gives_up(_event: Event) -> None:
    """Say that trying again is useless."""
    raise GiveUp("of no concern to Alma")
