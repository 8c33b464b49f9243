import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import almahook
from almahook.cli import app
from running import WAIT_S, run

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
SECTIONS = dict(
    re.findall(r"^## (almahook [a-z ]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
)
SCRIPTS = Path(sys.executable).parent
OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)")


def commands() -> Iterator[tuple[str, Any]]:
    def below(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for word, one in command.commands.items():
            if hasattr(one, "commands"):
                yield from below(one, f"{name} {word}")
            # What is hidden is for almahook itself.
            elif not one.hidden:
                yield f"{name} {word}", one

    return below(typer.main.get_command(app), "almahook")


COMMANDS = dict(commands())


def first_sentence(command: Any) -> str:
    return " ".join(command.help.split("\n\n")[0].split())


def options(command: Any) -> set[str]:
    params = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    return {name for one in params for name in (*one.opts, *one.secondary_opts)}


# The page.


def test_the_page_has_a_section_for_every_command_and_for_no_other():
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_says_in_one_line_what_the_command_says(name):
    anchor = name.replace(" ", "-")
    assert f"| [`{name}`](#{anchor}) | {first_sentence(COMMANDS[name])} |" in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_every_option_and_no_other(name):
    tables = "\n".join(
        line.partition(" | ")[0] for line in SECTIONS[name].splitlines() if line.startswith("| ")
    )
    assert set(OPTION.findall(tables)) == options(COMMANDS[name])


def test_every_option_has_a_help():
    without = [
        f"{name} {param.opts}"
        for name, command in COMMANDS.items()
        for param in command.params
        if not (param.help or param.hidden)
    ]
    assert without == []


@pytest.mark.parametrize("line", re.findall(r"(?m)^    (almahook .+)$", PAGE))
def test_the_examples_of_the_page_use_options_that_exist(line):
    name = max((one for one in COMMANDS if line.startswith(f"{one} ")), key=len)
    assert set(OPTION.findall(line.removeprefix(name))) <= options(COMMANDS[name])


# The program.


def test_the_version_is_the_package_s(tmp_path):
    done = run("--version", cwd=tmp_path)
    assert (done.status, done.out) == (0, f"almahook {almahook.__version__}\n")


@pytest.mark.parametrize("name", ["almahook", *COMMANDS])
def test_the_help_is_plain_text_of_eighty_columns_when_piped(name, tmp_path):
    done = run(*name.split()[1:], "--help", cwd=tmp_path)
    assert done.status == 0
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--nonsense"], ["sign"], ["events"]])
def test_a_command_that_is_wrong_has_status_two_and_no_traceback(arguments, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.status == 2
    assert "Traceback" not in done.err


def test_without_a_command_it_lists_them(tmp_path):
    done = run(cwd=tmp_path)
    assert "serve" in done.out + done.err


# Completion, in bash, which every machine has.


def bash(command: str, home: Path, **more: str) -> str:
    done = subprocess.run(
        ["bash", "--norc", "-c", command],
        cwd=home,
        env={"HOME": str(home), "PATH": f"{SCRIPTS}:/usr/bin:/bin", **more},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    return done.stdout


def completed(words: str, home: Path) -> set[str]:
    """Press Tab after these words."""
    return set(
        bash(
            "almahook",
            home,
            _ALMAHOOK_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split()) - 1),
        ).split()
    )


def test_completion_is_installed_into_an_empty_home_and_works_from_there(tmp_path):
    # A second command keeps the shell from making way for the first: almahook asks who called it.
    bash("almahook --install-completion; true", tmp_path)
    pressed = "COMP_WORDS=(almahook se); COMP_CWORD=1; _almahook_completion almahook"
    shown = bash(f'source .bashrc; {pressed}; echo "${{COMPREPLY[@]}}"', tmp_path)
    assert shown.split() == ["serve", "send"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("almahook sim", {"simulate"}),
        ("almahook send LOAN_RE", {"LOAN_RETURNED", "LOAN_RENEWED"}),
        ("almahook send job", {"job_end"}),
        ("almahook doctor --u", {"--url"}),
        ("almahook rejections re", {"recheck"}),
    ],
)
def test_commands_options_and_events_are_completed(words, expected, tmp_path):
    assert completed(words, tmp_path) == expected
