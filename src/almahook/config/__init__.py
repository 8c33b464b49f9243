"""Settings: one typed table, and nothing is read when this is imported.

What is given explicitly wins over the environment, that over the file, that over the defaults.
"""

from almahook.config.load import DEFAULT_PROFILE, SETTINGS_FILE, load_settings
from almahook.config.reference import Reference, Secret, SecretSource, is_kept_by_aws
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
