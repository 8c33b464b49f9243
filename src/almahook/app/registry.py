"""From the settings to the handlers."""

import logging

from almahook.config import DEFAULT_HANDLERS, Settings
from almahook.handlers import Registry, load_handlers

log = logging.getLogger("almahook.app")


def load_registry(settings: Settings) -> Registry:
    """Load the handlers that the settings name.

    The default folder need not be there: a listener may store first and get its handlers later.

    Raises:
        HandlerLoadError: A handler cannot be loaded.
    """
    folder = settings.path(settings.handlers)
    if settings.handlers == DEFAULT_HANDLERS and not folder.is_dir():
        if not settings.handlers_module:
            fields = {"folder": str(folder), "fix": "almahook init"}
            log.warning("handlers.none", extra={"fields": fields})
        return load_handlers(None, module=settings.handlers_module or None)
    return load_handlers(folder, module=settings.handlers_module or None)
