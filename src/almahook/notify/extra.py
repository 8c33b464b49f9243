"""The libraries of the notify extra, loaded when the first message needs them."""

import warnings
from functools import cache
from importlib import import_module
from types import ModuleType

from almahook.errors import MissingExtraError


@cache
def load_apprise() -> ModuleType:
    """Import Apprise with all its services.

    Raises:
        MissingExtraError: It is not installed.
    """
    apprise = _load("apprise")
    # It imports its services at their first use, and one of them a deprecated module (imghdr).
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://localhost")
    return apprise


def load_phonenumbers() -> ModuleType:
    """Import phonenumbers.

    Raises:
        MissingExtraError: It is not installed.
    """
    return _load("phonenumbers")


def _load(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise MissingExtraError("Sending texts, mails and chat", extra="notify") from None
