"""``almahook migrate``."""

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.output import say


def migrate(*, as_json: JSONOption = False, settings: SettingsOption = None) -> None:
    """Bring the database to the schema of this release, or make it.

    serve and work do the same when they start. Here it can be done before.
    """
    from almahook.app.migration import migrate as migrate_inbox
    from almahook.config import load_settings

    loaded = load_settings(settings)
    done = migrate_inbox(loaded)
    if as_json:
        print_json({"inbox": loaded.inbox, "from": done.before, "to": done.after})
    elif done.before == done.after:
        say(f"{loaded.inbox} has schema {done.after} already: there was nothing to do.")
    elif done.before == 0:
        say(f"{loaded.inbox} was made, with schema {done.after}.")
    else:
        say(f"{loaded.inbox} was brought from schema {done.before} to {done.after}.")
