"""`redunlite completion`: how a shell learns to complete this command.

Decided here: the code for each shell, where a shell looks for such code by itself, and when a run
tells that there is completion. Not here: what is offered (`cli.finder`). No state of its own; that
a person was told once is kept in a file of the user's state folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.display.text import escape, quote
from redunlite.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_REDUNLITE_COMPLETION"
"""Set by the code in each shell that has it."""

EXAMPLES = (
    ("completion bash", "the code for bash"),
    ("completion --install", "put it where your shell looks for it"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "completion",
        help="make TAB complete this command in your shell",
        description="Print shell code that makes TAB complete commands, files, tasks with their "
        "options and values, and ids. Put this line into the file that your shell reads at its "
        'start: eval "$(redunlite completion bash)"; the same with zsh and fish.',
    )
    parser.examples = EXAMPLES
    parser.add_argument(
        "shell",
        nargs="?",
        choices=SHELLS,
        metavar="SHELL",
        help="bash, zsh or fish; default, yours",
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help="write the code to the file where your shell looks for it when it is needed; files "
        "that it reads at its start are left alone",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print or install the code."""
    shell = args.shell or find_shell()
    if shell is None:
        raise UsageError("for which shell?", f"one of {', '.join(SHELLS)}")
    if args.install:
        return common.write_output("".join(f"{line}\n" for line in install(shell)))
    return common.write_output(make_code(shell))


def find_shell() -> str | None:
    """Return the user's login shell when it is one that we know."""
    name = os.path.basename(os.environ.get("SHELL", ""))
    return name if name in SHELLS else None


# The code.


def make_code(shell: str) -> str:
    """Return the code that makes a shell complete `redunlite`."""
    from argcomplete.shell_integration import shellcode

    code = shellcode([common.PROGRAM], use_defaults=False, shell=shell)
    hint = f"# {describe_setup(shell)}\n"
    if shell == "fish":
        code = code.replace(" -f -a ", " -f -k -a ")  # in our order
        return f"{code}set -gx {VARIABLE} 1\n{hint}"
    # Other programs bring the same function, each in the version that it knows.
    code = code.replace("_python_argcomplete", _FUNCTION)
    # zsh takes the first line of a file in $fpath as the name of what it completes.
    first, rest = code.rstrip().split("\n", 1)
    lines = [first, f"export {VARIABLE}=1"]
    if shell == "zsh":
        for theirs, ours in _ZSH_CHANGES.items():
            rest = rest.replace(theirs, ours, 1)
        lines += ["(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i; }", rest]
    else:
        # In our order, which tells the newest first; bash before 4.4 sorts.
        options = "-o nosort -o nospace -o bashdefault"
        lines.append(rest)
        lines.append(f"complete {options} -F {_FUNCTION} {common.PROGRAM} 2>/dev/null || :")
    return "\n".join([*lines, hint])


_FUNCTION = "_redunlite_complete"

_ZSH_CHANGES = {
    # Of `cd there && redunlite run`, only what zsh knows to be this command, up to the cursor.
    'COMP_LINE="$BUFFER"': 'COMP_LINE="${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX"',
    'COMP_POINT="$CURSOR"': "COMP_POINT=1000000",
    # What we offer would be quoted, and a quoted tilde is no home folder.
    f"{_FUNCTION}() {{\n": f"{_FUNCTION}() {{\n"
    """    [[ "$PREFIX" == (|*=)\\~* ]] && { compset -P '*='; _files; return }\n""",
}
"""What argcomplete's code for zsh says, and what ours does."""


def describe_setup(shell: str) -> str:
    """Return what to do with which file that the shell reads at its start."""
    return f'add eval "$({common.PROGRAM} completion {shell})" to {_START_FILES[shell]}'


_START_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/config.fish"}


# Installing it.


def install(shell: str) -> list[str]:
    """Write the code where the shell looks for it when it is needed; return what to tell.

    Raises
    ------
    UsageError
        When it cannot be written.
    """
    path, *more = find_place(shell)
    code = make_code(shell)
    try:
        verb = _write(path, code)
    except OSError as error:
        raise UsageError(
            f"cannot write {path!r}: {error.strerror}", f"or {describe_setup(shell)}"
        ) from error
    mark_told()
    return [f"{verb} {escape(path)}", *more]


def _write(path: str, code: str) -> str:
    """Write a file unless it says so already; return what was done."""
    verb = "Wrote"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            if file.read() == code:
                return "Kept"
        verb = "Updated"
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(code)
    return verb


def find_place(shell: str) -> list[str]:
    """Return the path of the file that a shell loads by itself, and lines about what it needs."""
    if shell == "fish":
        folder = os.path.join(_find_home("XDG_CONFIG_HOME", ".config"), "fish", "completions")
        return [os.path.join(folder, f"{common.PROGRAM}.fish"), "New fish shells load it at TAB."]
    data = _find_home("XDG_DATA_HOME", os.path.join(".local", "share"))
    if shell == "bash":
        given = os.environ.get("BASH_COMPLETION_USER_DIR", "").partition(":")[0]
        folder = given or os.path.join(data, "bash-completion")
        lines = ["New bash shells load it at TAB, by the bash-completion package."]
        if not any(map(os.path.exists, _BASH_COMPLETION)):
            lines.append(f"That package was not found; without it, {describe_setup(shell)}")
        return [os.path.join(folder, "completions", common.PROGRAM), *lines]
    for folder in _list_zsh_folders():
        if os.access(folder, os.W_OK | os.X_OK):
            return [os.path.join(folder, f"_{common.PROGRAM}"), "New zsh shells load it at TAB."]
    folder = os.path.join(data, "zsh", "site-functions")
    return [
        os.path.join(folder, f"_{common.PROGRAM}"),
        f"zsh does not look there yet; add fpath=({quote(folder)} $fpath) before compinit to ~/.zshrc",
    ]


_BASH_COMPLETION = tuple(
    os.path.join(prefix, name)
    for prefix in ("/usr", "/usr/local", "/opt/homebrew", "/opt/local", "/run/current-system/sw")
    for name in ("share/bash-completion/bash_completion", "etc/profile.d/bash_completion.sh")
)
"""Where the package that loads completions on demand is found."""


def _find_home(variable: str, default: str) -> str:
    """Return one of the user's folders by the XDG rules, absolute."""
    given = os.environ.get(variable, "")
    return given if os.path.isabs(given) else os.path.join(os.path.expanduser("~"), default)


def _list_zsh_folders() -> list[str]:
    """Return the folders in which zsh looks for functions, those of the user first."""
    import subprocess

    try:
        # Interactive, since people set it in ~/.zshrc.
        done = subprocess.run(
            ["zsh", "-ic", "print -rl -- $fpath"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = os.fsdecode(done.stdout).splitlines()
    folders = [line for line in lines if os.path.isabs(line) and os.path.isdir(line)]
    home = os.path.join(os.path.expanduser("~"), "")
    return sorted(folders, key=lambda folder: not folder.startswith(home))


# Telling about it.


def advise_once() -> str:
    """Return how to get completion, for a person at a terminal; empty when there is nothing to say.

    It is said once for each user, and not where the shell has it already, or is none that we know.
    """
    shell = find_shell()
    if shell is None or VARIABLE in os.environ or not mark_told():
        return ""
    return f"completion: {describe_setup(shell)}"


def mark_told() -> bool:
    """Keep that the user knows about completion; return whether that is new and could be kept."""
    folder = os.path.join(
        _find_home("XDG_STATE_HOME", os.path.join(".local", "state")), common.PROGRAM
    )
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, "completion-told")
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    return True
