"""TAB in a real bash on a terminal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells import PROJECT, RealShell, find_shell

pytestmark = pytest.mark.skipif(find_shell("bash") is None, reason="bash is not installed")

SETUP = [
    "PS1='> '; unset PROMPT_COMMAND HISTFILE",
    "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'",
    "bind 'set page-completions off'; bind 'set completion-query-items 0'",
    "__dump() { printf '<<<%s>>>\\n' \"$READLINE_LINE\"; READLINE_LINE=; READLINE_POINT=0; }",
    "bind -x '\"\\C-g\": __dump'",
    'eval "$(redunlite completion bash)"',
]


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShell]:
    """A bash with completion, in a folder with workflows and a history of two runs."""
    made = RealShell(["bash", "--norc", "--noprofile"], tmp_path_factory.mktemp("bash"), SETUP)
    made.run("redunlite run w.py align --sample a >&- 2>&-")
    made.run("redunlite run w.py plot --kind line >&- 2>&-")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("redunlite ru\t", "redunlite run "),
        ("redunlite comp\tz\t", "redunlite completion zsh "),
        ("redunlite run w\t", "redunlite run w.py "),
        ("redunlite run ./w\t", "redunlite run ./w.py "),
        ("redunlite run st\t", "redunlite run steps/"),
        ("redunlite run st\tm\t", "redunlite run steps/more.py "),
        ("redunlite run my\t", "redunlite run my\\ wörk.py "),
        ("redunlite run 'my\t", "redunlite run 'my wörk.py' "),
        ("redunlite run my\\ wörk.py pl\t", "redunlite run my\\ wörk.py plot "),
        ("redunlite run w.py al\t", "redunlite run w.py align "),
        ("redunlite run w.py lab.p\t", "redunlite run w.py lab.plot "),
        ("redunlite -c . run -v w.py al\t", "redunlite -c . run -v w.py align "),
        ("redunlite run w.py align --re\t", "redunlite run w.py align --ref-genome "),
        ("redunlite run w.py align --no-f\t", "redunlite run w.py align --no-fast "),
        ("redunlite run w.py align --sample a --dry\t", "redunlite run w.py align --sample a --dry-run "),
        ("redunlite run w.py align --path st\t", "redunlite run w.py align --path steps/"),
        ("redunlite run w.py align --path=st\t", "redunlite run w.py align --path=steps/"),
        ("redunlite run w.py plot --kind b\t", "redunlite run w.py plot --kind bar "),
        ("redunlite run w.py plot --kind=l\t", "redunlite run w.py plot --kind=line "),
        ("redunlite run w.py plot inf\t", "redunlite run w.py plot info "),
        ("redunlite run --exec\tthr\t", "redunlite run --executor thread "),
        ("redunlite log --form\ttex\t", "redunlite log --format text "),
        ("redunlite log --status failed,don\t", "redunlite log --status failed,done "),
        ("redunlite log pl\t", "redunlite log plot "),
        ("redunlite log --task al\t", "redunlite log --task align "),
        ("redunlite init st\t", "redunlite init steps/"),
        ("redunlite show zzz\t", "redunlite show zzz"),
        ("cd . && FOO=1 redunlite run w\t", "cd . && FOO=1 redunlite run w.py "),
        (".bin/redunlite run ~/w\t", ".bin/redunlite run ~/w.py "),
        ("redunlite run w.py plot > st\t", "redunlite run w.py plot > steps/"),
        ("redunlite run w.py align --fast t\t", "redunlite run w.py align --fast true "),
    ],
)  # fmt: skip
def test_bash_completes(bash: RealShell, typed: str, line: str) -> None:
    """What stands on the line after a TAB."""
    assert line == bash.press(typed).line


def test_bash_completes_in_the_middle_of_a_line(bash: RealShell) -> None:
    """What stands behind the cursor is left alone."""
    keys = "redunlite run  plot" + "\x1b[D" * 5 + "w\t"

    assert bash.press(keys).line == "redunlite run w.py plot"


def test_bash_lists_with_descriptions(bash: RealShell) -> None:
    """Two TABs show one line for each word, and leave the line as it was."""
    pressed = bash.press("redunlite run w.py \t\t")

    assert pressed.line == "redunlite run w.py "
    assert re.search(r"^align  +Align reads: all of them\. *$", pressed.screen, re.MULTILINE)
    assert re.search(r"^plot  +Draw a picture\. *$", pressed.screen, re.MULTILINE)


def test_bash_lists_ids_newest_first(bash: RealShell) -> None:
    """Ids come with status and command, the newest execution first, and each completes."""
    pressed = bash.press("redunlite log \t\t")
    ids = re.findall(r"^([0-9a-f]{8})  (\w+) .* ago  (.*?) *$", pressed.screen, re.MULTILINE)

    assert [(status, what) for _, status, what in ids] == [
        ("DONE", "run w.py plot --kind line"),
        ("DONE", "run w.py align --sample a"),
        ("DONE", "lab.plot"),
        ("DONE", "lab.align"),
    ]
    assert bash.press(f"redunlite log {ids[1][0][:7]}\t").line == f"redunlite log {ids[1][0]} "


def test_bash_knows_that_it_completes(bash: RealShell) -> None:
    """The code exports a variable, and asks bash to keep our order."""
    assert "=1=" in bash.run('echo "=$_REDUNLITE_COMPLETION="')
    assert "-o nosort -o nospace -F _redunlite_complete redunlite" in bash.run(
        "complete -p redunlite"
    )


def test_bash_loads_what_was_installed(tmp_path: Path) -> None:
    """The file that `--install` writes is code that a bash can read when it is needed."""
    place = ".local/share/bash-completion/completions/redunlite"
    setup = [*SETUP[:-1], "redunlite completion bash --install", f". ~/{place}"]
    shell = RealShell(["bash", "--norc", "--noprofile"], tmp_path, setup)
    try:
        assert shell.press("redunlite run w\t").line == "redunlite run w.py "
    finally:
        shell.close()


def mask(lines: list[str]) -> list[str]:
    """Replace ids and ages, which differ from run to run, by their kinds."""
    masked = [re.sub(r"^[0-9a-f]{8} ", "<id> ", line.rstrip()) for line in lines]
    return [re.sub(r" +\d+ \w+ ago", " <age>", line) for line in masked]


def test_docs_show_what_bash_lists(tmp_path: Path) -> None:
    """Each list in docs/completion.md is what a terminal of 90 columns shows."""
    shutil.copy(PROJECT / "examples" / "01_hello_world" / "hello_world.py", tmp_path)
    page = (PROJECT / "docs" / "completion.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```text\n\$ (.*?)<TAB><TAB>\n(.*?)```", page, re.DOTALL)
    shell = RealShell(["bash", "--norc", "--noprofile"], tmp_path, SETUP)
    try:
        shell.run("redunlite run hello_world.py main >&- 2>&-")
        shell.run("redunlite run hello_world.py main --greet Hi >&- 2>&-")
        for line, expected in blocks:
            wanted = expected.splitlines()
            # The line itself stands before and behind the list.
            before, *shown, behind = shell.press(f"{line}\t\t").screen.splitlines()[
                -len(wanted) - 2 :
            ]
            assert line.strip() in before and line.strip() in behind
            assert mask(wanted) == mask(shown)
    finally:
        shell.close()

    assert len(blocks) == 3
