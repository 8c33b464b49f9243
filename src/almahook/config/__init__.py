"""Settings: one typed table, and nothing is read when this is imported.

What is given explicitly wins over the environment, that over the file, that over the defaults.
"""

from almahook.config.reference import Reference, Secret, SecretSource, is_kept_by_aws
from almahook.lazy import lazy

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from almahook.config.load import DEFAULT_PROFILE, SETTINGS_FILE, load_settings
    from almahook.config.settings import (
        DEFAULT_HANDLERS,
        NotifySettings,
        ProfileSettings,
        Settings,
    )
    from almahook.config.table import Setting, settings_table

__all__ = [
    "DEFAULT_HANDLERS",
    "DEFAULT_PROFILE",
    "SETTINGS_FILE",
    "NotifySettings",
    "ProfileSettings",
    "Reference",
    "Secret",
    "SecretSource",
    "Setting",
    "Settings",
    "is_kept_by_aws",
    "load_settings",
    "settings_table",
]

_MODULES = {
    "DEFAULT_HANDLERS": "settings",
    "DEFAULT_PROFILE": "load",
    "NotifySettings": "settings",
    "ProfileSettings": "settings",
    "SETTINGS_FILE": "load",
    "Setting": "table",
    "Settings": "settings",
    "load_settings": "load",
    "settings_table": "table",
}

# A function that receives reads no settings.
# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _MODULES)
