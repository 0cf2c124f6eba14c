"""The tasks of a workflow file, read from its text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from redunlite.cli.arguments import iter_options, make_options
from redunlite.cli.run import iter_tasks
from redunlite.loading import load_workflow
from redunlite.outline import Outline, Parameter, find_task, read_module

STEPS = '''
import enum
from redunlite import task
redun_namespace = "steps"

class Base(enum.Enum):
    pass

class Mode(Base):
    FAST = 1
    SLOW = 2
    _third = 3
    _ignore_ = ()

@task()
def align(sample: str, threads: int = 2):
    """Align reads.

    At length.
    """

@task()
def hidden(): ...
'''

WORKFLOW = """
import enum
from pathlib import Path
from typing import Annotated, List, Literal, NewType, Optional, Union
import redunlite as rl
from redunlite import namespace, task as job
from steps import Mode as M, align

namespace("early")

@rl.task
def first(): ...

redun_namespace = "lab.plots"

class Color(enum.Enum):
    RED = 1
    GREEN = 2

Shape = enum.Enum("Shape", "ROUND SQUARE")
Kind = Literal["bar", "line"]
Sample = NewType("Sample", str)

if True:
    @job(name="plotter")
    async def plot(
        kind: Kind, color: "Optional[Color]" = Color.RED, shape: Shape = Shape.ROUND,
        mode: M = M.FAST, level: Literal[-1, True] = -1, either: Union[Kind, None] = None,
        fast: bool = False, maybe: "bool | None" = None, n: int = 3, ratio: float = 0.5,
        path: Path = Path("x"), text: str = "hg38", sample: Sample = "s", plain=1,
        both: "int | str" = 1, names: list[str] = (), sizes: List[Literal[1, 2]] = (1,),
        noted: Annotated[bool, "why"] = True, odd: object() = None, *args, key: "list" = [], **kw,
    ):
        '''Plot it.'''

@rl.task(namespace="")
def bare(x, /, y=1): ...

@job(namespace="other")
@str.strip
def replaced(): ...

@job(namespace="other")
def replaced(): 'The second.'

def helper(): ...
"""


@pytest.fixture
def tasks(tmp_path: Path) -> list[Outline]:
    """The tasks of the workflow above, which is beside `steps.py`."""
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "w.py").write_text(WORKFLOW)
    return read_module(str(tmp_path / "w.py")).list_tasks()


def test_outline_lists_tasks_with_their_namespaces(tasks: list[Outline]) -> None:
    """Names, namespaces and first lines are as running the file would make them."""
    found = [(task.fullname, task.summary) for task in tasks]

    assert found == [
        ("early.first", ""),
        ("lab.plots.plotter", "Plot it."),
        ("bare", ""),
        ("other.replaced", "The second."),
        ("steps.align", "Align reads."),
    ]


@pytest.mark.parametrize(
    ("name", "choices", "flags"),
    [
        ("kind", ("bar", "line"), ""),
        ("color", ("RED", "GREEN"), ""),
        ("shape", ("ROUND", "SQUARE"), ""),
        ("mode", ("FAST", "SLOW", "_third"), ""),
        ("level", ("-1", "True"), ""),
        ("either", ("bar", "line"), ""),
        ("fast", (), "bool"),
        ("maybe", (), "bool"),
        ("noted", (), "bool"),
        ("n", (), ""),
        ("ratio", (), ""),
        ("odd", (), ""),
        ("path", (), "path"),
        ("text", (), "path"),
        ("sample", (), "path"),
        ("plain", (), "path"),
        ("both", (), "path"),
        ("names", (), "list path"),
        ("sizes", ("1", "2"), "list"),
        ("key", (), "list path"),
    ],
)
def test_outline_reads_annotations(
    tasks: list[Outline], name: str, choices: tuple[str, ...], flags: str
) -> None:
    """Each annotation gives its choices, and whether it is a switch, a list, or may be a path."""
    task = find_task(tasks, "plotter")
    assert task is not None
    texts = {parameter.name: parameter.texts for parameter in task.list_parameters()}[name]
    found = [word for word in ("bool", "list", "path") if getattr(texts, f"is_{word}")]

    assert (choices, flags.split()) == (texts.choices, found)


def test_outline_shows_defaults(tasks: list[Outline]) -> None:
    """A default is shown as help shows it, and None stands for there being none."""
    plot, bare = find_task(tasks, "lab.plots.plotter"), find_task(tasks, "bare")
    assert plot is not None and bare is not None
    found = {p.name: p.default for p in [*plot.list_parameters(), *bare.list_parameters()]}

    assert {
        "kind": None,
        "color": "RED",
        "either": "None",
        "text": "hg38",
        "path": "Path('x')",
        "names": "()",
        "key": "[]",
        "x": None,
        "y": "1",
    }.items() <= found.items()
    assert "args" not in found


def test_outline_agrees_with_the_file_that_ran(tmp_path: Path) -> None:
    """Read or run, a file has the same tasks with the same parameters and choices."""
    (tmp_path / "outline_steps.py").write_text(STEPS)
    path = tmp_path / "outline_agrees.py"
    path.write_text(
        WORKFLOW.replace("from steps", "from outline_steps").replace("@str.strip\n", "")
    )

    read = {
        task.fullname: [(p.name, p.texts.is_bool, p.texts.choices) for p in task.list_parameters()]
        for task in read_module(str(path)).list_tasks()
    }
    ran = {}
    for task in iter_tasks(load_workflow(str(path))):
        options = [(o.name, o.reader) for o in make_options(task.func)]
        ran[task.fullname] = [
            (name, reader.is_bool, reader.choices) for name, reader in options if reader is not None
        ]

    assert read == ran


def test_outline_knows_tasks_of_the_scheduler_and_wrapped_ones(tmp_path: Path) -> None:
    """What the scheduler gives is no option; a decorator of the user's own leaves the task there."""
    path = tmp_path / "w.py"
    path.write_text(
        "from redunlite import task\n"
        "from redunlite.scheduler import scheduler_task\n"
        "@scheduler_task(namespace='a')\ndef f(scheduler, job, sexpr, x: int = 1): ...\n"
        "@doubled()\n@task(namespace='b')\ndef g(y): ...\n"
        "@doubled()\ndef h(z): ...\n"
    )
    tasks = read_module(str(path)).list_tasks()
    found = [(task.fullname, [p.name for p in task.list_parameters()]) for task in tasks]

    assert found == [("a.f", ["x"]), ("b.g", ["y"])]


RECORDS = """
from __future__ import annotations
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Optional
from redunlite import task
from redunlite.jobinfo import JobInfo
from outline_nets import Net

@dataclass
class Base:
    seed: int
    kind: ClassVar[str] = "a"

@dataclass
class Train(Base):
    lr: float = 0.5
    net: Net = field(default_factory=Net)
    sizes: list[int] = field(default_factory=lambda: [1])
    n_seen: int = field(default=0, init=False)
    below: Optional["Train"] = None

class Point(NamedTuple):
    x: int
    y: int = 0

class Plain:
    z: int = 0

@task
def f(opt: Train, at: Point = Point(1), maybe: Point | None = None, info: JobInfo = JobInfo(),
      plain: Plain = Plain()): ...
"""


def test_outline_knows_the_fields_of_dataclasses(tmp_path: Path) -> None:
    """Read or run, they have the same options; where an instance is the default, only running tells it."""
    (tmp_path / "outline_nets.py").write_text(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Net:\n    is_deep: bool = False\n"
    )
    path = tmp_path / "outline_records.py"
    path.write_text(RECORDS)
    (outline,) = read_module(str(path)).list_tasks()
    (task,) = iter_tasks(load_workflow(str(path)))

    def flatten(parameters: Iterable[Parameter]) -> list[str]:
        return [n for p in parameters for n in (p.name, *flatten(p.fields))]

    options = iter_options(make_options(task.func, task.parameters))
    names = [option.name.rpartition(":")[2] for option in options]
    below = ["seed", "lr", "net", "is_deep", "sizes", "below"]

    assert flatten(outline.list_parameters()) == names
    assert names == ["opt", *below, "at", "x", "y", "maybe", "x", "y", "plain"]
    opt, at, maybe, _ = outline.list_parameters()
    assert [(p.name, p.default) for p in opt.fields[:-1]] == [
        ("seed", None),
        ("lr", "0.5"),
        ("net", "Net()"),
        ("sizes", "[1]"),
    ]
    assert [(p.name, p.default) for p in at.fields] == [("x", ""), ("y", "")]
    assert [(p.name, p.default) for p in maybe.fields] == [("x", None), ("y", "0")]


def test_find_task_wants_one_meaning(tmp_path: Path) -> None:
    """A short name that two tasks share finds none of them; full names do."""
    path = tmp_path / "w.py"
    path.write_text(
        "from redunlite import task\n"
        "@task(namespace='a')\ndef f(): ...\n@task(namespace='b')\ndef f(): ...\n"
    )
    tasks = read_module(str(path)).list_tasks()

    assert find_task(tasks, "f") is None
    assert find_task(tasks, "b.f") is tasks[1]


@pytest.mark.parametrize("text", ["def f(:\n", "x = 1\0\n", "\udcff"])
def test_outline_refuses_what_is_no_python(tmp_path: Path, text: str) -> None:
    """A broken file raises, and a broken neighbour has no tasks."""
    (tmp_path / "steps.py").write_bytes(text.encode(errors="surrogateescape"))
    (tmp_path / "w.py").write_text("from steps import align\n")

    with pytest.raises((SyntaxError, ValueError)):
        read_module(str(tmp_path / "steps.py"))
    assert read_module(str(tmp_path / "w.py")).list_tasks() == []
