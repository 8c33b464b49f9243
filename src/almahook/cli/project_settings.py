"""Writes a settings file that explains itself, out of the one table of settings."""

from collections.abc import Iterator, Mapping
from textwrap import wrap

from almahook.config import Setting, settings_table

_WIDTH = 80

# What a new project sets, by section and name; everything else is shown with its default.
CHOSEN: Mapping[tuple[str, str], str] = {
    ("profiles.NAME", "secrets"): '["env:ALMAHOOK_SECRET"]',
    ("profiles.NAME", "api_key"): '"env:ALMAHOOK_API_KEY"',
    ("notify", "dry_run"): "true",
}

# Better examples than an empty default.
_EXAMPLES: Mapping[tuple[str, str], str] = {
    ("", "public_url"): '"https://hooks.example.edu"',
    ("profiles.NAME", "api_url"): '"http://127.0.0.1:8090"',
    ("profiles.NAME", "institution"): '"01EXAMPLE_INST"',
    ("notify", "sms"): '["env:SMS_URL"]',
    ("notify", "mail"): '["env:MAIL_URL"]',
    ("notify", "chat"): '["env:CHAT_URL"]',
    ("notify", "default_country"): '"US"',
}
_HEAD = """\
# The settings of almahook. Lines that begin with # are not read: they show each setting with its
# default, or with an example. Take the # away to set it. Paths are relative to this file.
# Secrets do not stand here: "env:NAME" is the variable, or the line in .env, of this name.
"""
_TITLES = {
    "profiles.NAME": """\
# One integration profile of Alma, served at /webhooks/main. Another one, for example that of the
# sandbox, is another section: [profiles.sandbox]
[profiles.main]
""",
    "notify": """\
# Texts, mails and chat. While dry_run is true nothing is sent. To send texts: put the account's URL
# into .env (SMS_URL), take the # from sms, set default_country, and set dry_run = false.
[notify]
""",
}


def settings_file(*, country: str = "") -> str:
    """Write the settings file of a new project.

    Args:
        country: Two letters: where phone numbers without + are; empty leaves it open.
    """
    chosen = dict(CHOSEN)
    if country:
        chosen["notify", "default_country"] = f'"{country}"'
    return "".join([_HEAD, *_lines(chosen)])


def _lines(chosen: Mapping[tuple[str, str], str]) -> Iterator[str]:
    section = ""
    for setting in settings_table():
        if setting.section != section:
            section = setting.section
            yield f"\n\n{_TITLES[section]}"
        yield f"\n{_entry(setting, chosen)}"


def _entry(setting: Setting, chosen: Mapping[tuple[str, str], str]) -> str:
    place = (setting.section, setting.name)
    help_ = "".join(f"# {line}\n" for line in wrap(_sentence(setting.help), _WIDTH))
    if place in chosen:
        return f"{help_}{setting.name} = {chosen[place]}\n"
    return f"{help_}#{setting.name} = {_EXAMPLES.get(place, setting.default)}\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
