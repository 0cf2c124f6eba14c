"""TAB in a real zsh and a real fish; each is skipped where it is not installed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells import RealShell, find_shell, make_lab

has_zsh = pytest.mark.skipif(find_shell("zsh") is None, reason="zsh is not installed")
has_fish = pytest.mark.skipif(find_shell("fish") is None, reason="fish is not installed")

ZSH_SETUP = [
    "PS1='> ' PS2= RPS1= PROMPT_EOL_MARK=; unset HISTFILE; unsetopt zle_bracketed_paste beep",
    '__dump() { zle -I; print -r -- "<<<$BUFFER>>>"; BUFFER= }; zle -N __dump',
    "bindkey -e; bindkey '^G' __dump; zstyle ':completion:*' insert-tab false",
]

WORDS = [
    ("redunlite ru\t", "redunlite run "),
    ("redunlite run w\t", "redunlite run w.py "),
    ("redunlite run st\t", "redunlite run steps/"),
    ("redunlite run my\t", "redunlite run my\\ wörk.py "),
    ("redunlite run w.py al\t", "redunlite run w.py align "),
    ("redunlite run w.py align --re\t", "redunlite run w.py align --ref-genome "),
    ("redunlite run w.py align --path st\t", "redunlite run w.py align --path steps/"),
    ("redunlite run w.py plot --kind b\t", "redunlite run w.py plot --kind bar "),
    ("redunlite log --form\ttex\t", "redunlite log --format text "),
    ("redunlite log --task al\t", "redunlite log --task align "),
]
"""What is typed, and the line that it makes, in every shell."""


@pytest.fixture(scope="module")
def zsh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShell]:
    """A zsh without start-up files, in which the one line is evaluated."""
    setup = [*ZSH_SETUP, 'eval "$(redunlite completion zsh)"']
    made = RealShell(["zsh", "-f"], tmp_path_factory.mktemp("zsh"), setup)
    made.run("redunlite run w.py align --sample a >&- 2>&-")
    made.run("redunlite run w.py plot --kind line >&- 2>&-")
    yield made
    made.close()


@has_zsh
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        *WORDS,
        ("redunlite log; redunlite run w.py al\t", "redunlite log; redunlite run w.py align "),
        ("cd . && FOO=1 redunlite run w\t", "cd . && FOO=1 redunlite run w.py "),
        (".bin/redunlite run w\t", ".bin/redunlite run w.py "),
        ("redunlite run ~/w\t", "redunlite run ~/w.py "),
        ("redunlite run w.py align --path=~/st\t", "redunlite run w.py align --path=~/steps/"),
        (
            "redunlite run 'w.py' align --sample 'x y' --re\t",
            "redunlite run 'w.py' align --sample 'x y' --ref-genome ",
        ),
        ("redunlite run 'my\t", "redunlite run 'my wörk.py' "),
    ],
)
def test_zsh_completes(zsh: RealShell, typed: str, line: str) -> None:
    """What stands on the line after a TAB."""
    assert line == zsh.press(typed).line


@has_zsh
def test_zsh_lists_with_descriptions(zsh: RealShell) -> None:
    """The list tells about each word, and keeps our order."""
    tasks = zsh.press("redunlite run w.py \t").screen
    ids = re.findall(
        r"^[0-9a-f]{8} +-- (\w+) .* ago  (.*?) *$", zsh.press("redunlite log \t").screen, re.M
    )

    assert re.search(r"align +-- Align reads: all of them\.", tasks)
    assert re.search(r"plot +-- Draw a picture\.", tasks)
    assert [what for _, what in ids] == [
        "run w.py plot --kind line",
        "run w.py align --sample a",
        "lab.plot",
        "lab.align",
    ]


@has_zsh
def test_zsh_loads_what_was_installed(tmp_path: Path) -> None:
    """`--install` asks zsh where it looks, and writes a file that `compinit` finds there."""
    functions = tmp_path / "functions"
    functions.mkdir()
    (tmp_path / ".zshenv").write_text(f'fpath=("{functions}" $fpath)\n')
    setup = [
        *ZSH_SETUP,
        "redunlite completion zsh --install",
        "autoload -Uz compinit; compinit -i -D",
    ]
    shell = RealShell(["zsh", "-d"], tmp_path, setup)
    try:
        lines = [shell.press(f"redunlite run w{'.py al' * i}\t").line for i in range(2)]
    finally:
        shell.close()

    assert lines == ["redunlite run w.py ", "redunlite run w.py align "]
    assert [path.name for path in functions.iterdir()] == ["_redunlite"]


@pytest.fixture(scope="module")
def fish(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with workflows and a history, and an environment for fish in it."""
    folder = tmp_path_factory.mktemp("fish")
    environment = make_lab(folder)
    for words in ("align --sample a", "plot --kind line"):
        subprocess.run(
            ["redunlite", "run", "w.py", *words.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=True,
        )
    return folder, environment


def ask_fish(fish: tuple[Path, dict[str, str]], line: str, setup: str = "") -> list[list[str]]:
    """Return the words that fish offers, with their descriptions."""
    folder, environment = fish
    setup = setup or 'eval "$(redunlite completion fish)"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"{setup}; complete -C $argv[1]", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [answer.split("\t") for answer in done.stdout.splitlines()]


@has_fish
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("redunlite ru", [["run", "run a task of a workflow file"]]),
        ("redunlite run w", [["w.py"]]),
        ("redunlite run my", [["my wörk.py"]]),
        ("redunlite run st", [["steps/"]]),
        ("redunlite run w.py al", [["align", "Align reads: all of them."]]),
        ("redunlite run w.py align --re", [["--ref-genome", "str (default: hg38)"]]),
        ("redunlite run w.py plot --kind b", [["bar"]]),
        ("redunlite run w.py plot --kind=b", [["--kind=bar"]]),
        ("redunlite log --task al", [["align"]]),
        ("redunlite show zzz", []),
    ],
)
def test_fish_completes(
    fish: tuple[Path, dict[str, str]], typed: str, words: list[list[str]]
) -> None:
    """What fish would offer at the end of a line."""
    assert words == ask_fish(fish, typed)


@has_fish
def test_fish_lists_ids_with_descriptions(fish: tuple[Path, dict[str, str]]) -> None:
    """Executions and jobs come with status, age and command, in our order."""
    words = ask_fish(fish, "redunlite log ")

    assert [told.split("  ")[-1] for _, told in words] == [
        "run w.py plot --kind line",
        "run w.py align --sample a",
        "lab.plot",
        "lab.align",
    ]


@has_fish
def test_fish_loads_what_was_installed(fish: tuple[Path, dict[str, str]]) -> None:
    """The file that `--install` writes is found by fish itself."""
    folder, environment = fish
    program = ["redunlite", "completion", "fish", "--install"]
    subprocess.run(program, cwd=folder, env=environment, capture_output=True, check=True)
    file = folder / ".config" / "fish" / "completions" / "redunlite.fish"

    # Without its configuration fish does not look into the user's folders.
    setup = f"set fish_complete_path {file.parent}"
    assert ask_fish(fish, "redunlite run w", setup) == [["w.py"]]
