"""Loading of workflows and project modules from their text."""

from __future__ import annotations

import importlib
import inspect
import linecache
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from redunlite import loading
from redunlite.errors import UnknownNameError, WorkflowLoadError
from redunlite.loading import ModuleSource, WorkerFinder

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    """Forget the modules, folders and finders that a test made."""
    modules, path, finders = dict(sys.modules), list(sys.path), list(sys.meta_path)
    yield
    for name, module in list(sys.modules.items()):
        if modules.get(name) is not module and "pytest-" in (getattr(module, "__file__", "") or ""):
            del sys.modules[name]
            if name in modules:
                sys.modules[name] = modules[name]
    sys.path[:] = path
    sys.meta_path[:] = finders


def write(folder: Path, **texts: str) -> Path:
    """Write modules and return the path of the first."""
    paths = [folder / f"{name}.py" for name in texts]
    for path, text in zip(paths, texts.values()):
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    importlib.invalidate_caches()
    return paths[0]


def run_python(*args: str, cwd: Path, stdin: str | None = None) -> str:
    """Run a Python process that can import redunlite and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *args],
        cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_workflow_is_a_module_named_after_its_file(tmp_path):
    """The module has the stem as its name, and can import what lies beside it."""
    path = write(tmp_path, flow_a="import beside_a\nX = beside_a.Y\n", beside_a="Y = 3\n")

    module = loading.load_workflow(str(path))

    assert (module.__name__, module.X, module.__file__) == ("flow_a", 3, str(path))
    assert sys.modules["flow_a"] is module
    assert loading.get_source("beside_a") == ModuleSource(
        "beside_a", str(tmp_path / "beside_a.py"), "Y = 3\n", False
    )
    assert loading.is_project_module("beside_a")
    assert {"flow_a", "beside_a"} <= {source.name for source in loading.iter_sources()}


def test_second_load_runs_the_present_text(tmp_path):
    """Loading a file again runs it again, as it is now."""
    path = write(tmp_path, flow_b="X = 1\n")
    loading.load_workflow(str(path))
    path.write_text("X = 2\n")

    assert loading.load_workflow(str(path)).X == 2


def test_stale_bytecode_is_never_run(tmp_path):
    """A module of the same size and time as its bytecode is still taken from its text."""
    path = write(tmp_path, flow_c="import stale_c\nX = stale_c.X\n", stale_c="X = 1\n")
    other = tmp_path / "stale_c.py"
    run_python("-c", "import stale_c", cwd=tmp_path)
    assert list((tmp_path / "__pycache__").glob("stale_c.*"))
    times = other.stat()
    other.write_text("X = 2\n")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert loading.load_workflow(str(path)).X == 2


def test_file_named_like_a_standard_module_is_loaded(tmp_path):
    """The workflow goes by another name, and the standard module keeps its own."""
    path = write(tmp_path, zipapp="import queue\nX = 1\n")

    module = loading.load_workflow(str(path))
    import zipapp

    assert module.X == 1
    assert module.__name__ == "zipapp_workflow"
    assert hasattr(zipapp, "create_archive")


def test_missing_workflow_names_the_nearest(tmp_path):
    """A misspelt file is an error that names the one that is there."""
    write(tmp_path, hello_world="")

    with pytest.raises(UnknownNameError, match=r"did you mean 'hello_world\.py'"):
        loading.load_workflow(str(tmp_path / "helo_world.py"))


def test_folder_is_no_workflow(tmp_path):
    """A folder is refused in one line."""
    with pytest.raises(WorkflowLoadError, match="Is a directory"):
        loading.load_workflow(str(tmp_path))


def test_syntax_error_shows_the_line(tmp_path):
    """A file that cannot be parsed is told with its line and no frame of ours."""
    path = write(tmp_path, flow_d="x = 1\ndef f(:\n")

    with pytest.raises(WorkflowLoadError) as caught:
        loading.load_workflow(str(path))

    assert "cannot parse workflow file" in str(caught.value)
    assert 'flow_d.py", line 2' in str(caught.value)
    assert "SyntaxError" in str(caught.value)


def test_error_while_loading_shows_the_users_frames_only(tmp_path):
    """An exception in the workflow is told with frames of the project, and the module is gone."""
    path = write(
        tmp_path, flow_e="import beside_e\n", beside_e="def f():\n    return {}['k']\n\nf()\n"
    )

    with pytest.raises(WorkflowLoadError) as caught:
        loading.load_workflow(str(path))

    lines = str(caught.value).splitlines()
    assert lines[1:] == [
        f'  File "{path}", line 1, in <module>',
        "    import beside_e",
        f'  File "{tmp_path / "beside_e.py"}", line 4, in <module>',
        "    f()",
        f'  File "{tmp_path / "beside_e.py"}", line 2, in f',
        "    return {}['k']",
        "KeyError: 'k'",
    ]
    assert "flow_e" not in sys.modules


def test_relative_import_of_a_workflow_gets_the_way_out(tmp_path):
    """A file that is run is in no package; what to write is said behind Python's own words."""
    path = write(tmp_path, flow="from .helper import x\n", helper="x = 1\n")
    with pytest.raises(WorkflowLoadError) as caught:
        loading.load_workflow(str(path))
    assert "leave out the dot" in str(caught.value).splitlines()[-1]


def test_exit_of_the_workflow_is_told(tmp_path):
    """A workflow that calls `sys.exit` while it is loaded has no tasks to run."""
    path = write(tmp_path, flow_f="import sys\nsys.exit(3)\n")

    with pytest.raises(WorkflowLoadError, match="ended the program while it was loaded") as caught:
        loading.load_workflow(str(path))

    assert caught.value.hint.endswith("    sys.exit(3)\nSystemExit: 3")


@pytest.mark.parametrize(
    "data,value",
    [
        (b"X = '\xc3\xa9'\n", "é"),
        (b"\xef\xbb\xbfX = '\xc3\xa9'\r\n", "é"),
        (b"# -*- coding: latin-1 -*-\nX = '\xe9'\n", "é"),
    ],
)
def test_encodings_are_read_as_python_does(tmp_path, data, value):
    """Byte-order marks, coding lines and other line ends are understood."""
    path = tmp_path / "flow_g.py"
    path.write_bytes(data)

    assert value == loading.load_workflow(str(path)).X


def test_undecodable_workflow_is_refused(tmp_path):
    """Bytes that are no text are an error with the way out."""
    path = tmp_path / "flow_h.py"
    path.write_bytes(b"X = '\xe9'\n")

    with pytest.raises(WorkflowLoadError, match="UTF-8"):
        loading.load_workflow(str(path))


def test_tracebacks_show_the_text_that_ran(tmp_path):
    """After an edit `linecache` still has the lines that were loaded."""
    path = write(tmp_path, flow_i="def f():\n    return 1\n")
    module = loading.load_workflow(str(path))
    path.write_text("# other\n" * 10)
    linecache.checkcache()

    assert linecache.getline(str(path), 2) == "    return 1\n"
    assert inspect.getsource(module.f) == "def f():\n    return 1\n"


def test_library_modules_are_not_project_code():
    """Standard library, installed packages and redunlite are not the project's."""
    assert not loading.is_project_module("json")
    assert not loading.is_project_module("pytest")
    assert not loading.is_project_module("redunlite.loading")
    assert loading.is_project_module(__name__)
    assert not loading.is_project_module("not.loaded")


def test_script_run_as_main_goes_by_its_stem(tmp_path):
    """`__main__` is found by its stem, with its text; without a file there is none."""
    script = """
        from redunlite import loading
        import sys
        loading.install_finder()
        print(loading.main_stem(), sys.modules["script"] is sys.modules["__main__"])
        print(loading.get_source("__main__").name, len(loading.get_source("script").text) > 100)
        print(loading.is_project_module("__main__"), loading.is_importable("__main__"))
        print([s.name for s in loading.iter_sources()])
    """
    path = write(tmp_path, script=script)
    text = "from redunlite import loading; print(loading.main_stem(), loading.is_importable('__main__'))"

    shown = run_python(str(path), cwd=tmp_path)

    assert shown.splitlines() == ["script True", "script True", "True True", "['script']"]
    assert run_python("-c", text, cwd=tmp_path) == "None False\n"


def test_worker_finder_serves_texts_in_place_of_files(tmp_path):
    """In a worker, modules come from the texts of the main process, whatever the disk says."""
    write(tmp_path, served="X = 'disk'\n")
    sources = [
        ModuleSource("served", str(tmp_path / "served.py"), "X = 'text'\n\ndef f(): return {}[1]\n", False),
        ModuleSource("served_pkg", str(tmp_path / "served_pkg" / "__init__.py"), "from . import inner\n", True),
        ModuleSource("served_pkg.inner", str(tmp_path / "served_pkg" / "inner.py"), "Y = 1\n", False),
    ]  # fmt: skip
    sys.path.insert(0, str(tmp_path))
    WorkerFinder(sources).install()

    served = importlib.import_module("served")
    package = importlib.import_module("served_pkg")

    assert served.X == "text"
    assert package.inner.Y == 1
    assert package.__path__ == [str(tmp_path / "served_pkg")]
    assert inspect.getsource(served.f) == "def f(): return {}[1]\n"
    assert loading.is_project_module("served")


def test_worker_finder_takes_more_texts(tmp_path):
    """A module that the main process loads later is added."""
    finder = WorkerFinder()
    finder.install()
    finder.add(ModuleSource("added_later", str(tmp_path / "added_later.py"), "Z = 5\n", False))

    assert importlib.import_module("added_later").Z == 5


def test_finder_is_installed_by_the_first_task_of_a_program(tmp_path):
    """Also when the program has imported forms before, which are tasks of a kind."""
    program = (
        "from redunlite import cond, task\n"
        "@task()\ndef f():\n    return 1\n"
        "import beside\n"
        "from redunlite import loading\n"
        "print(loading.get_source_file(beside.__file__).is_trusted)\n"
    )
    write(tmp_path, program=program, beside="X = 1\n")

    assert run_python("program.py", cwd=tmp_path) == "True\n"


def test_finder_is_installed_once():
    """Installing the finder again changes nothing."""
    loading.install_finder()
    before = list(sys.meta_path)
    loading.install_finder()

    assert before == sys.meta_path


def test_editable_install_is_project_code(tmp_path):
    """A package that lies outside site-packages is the user's, however it is found."""
    (tmp_path / "edited_pkg").mkdir()
    write(tmp_path / "edited_pkg", __init__="X = 1\n")
    sys.path.insert(0, str(tmp_path))
    loading.install_finder()

    importlib.import_module("edited_pkg")

    assert loading.is_project_module("edited_pkg")
    source = loading.get_source("edited_pkg")
    assert source is not None
    assert source.is_package


def test_long_expression_has_a_source(tmp_path):
    """A function with an expression of a thousand terms is found and fingerprinted."""
    from redunlite.fingerprint import fingerprint_task

    terms = " + ".join(f"x{i % 7}" for i in range(1000))
    path = write(tmp_path, flow_j=f"def f(x0, x1, x2, x3, x4, x5, x6):\n    return {terms}\n")
    module = loading.load_workflow(str(path))

    found = fingerprint_task(module.f, "f")

    assert found.untracked == ()
    assert [p.kind for p in found.components] == ["function"]


def test_function_of_a_shell_cell_has_its_source():
    """A function typed into a shell is found by the text that `linecache` keeps for its cell."""
    from redunlite.fingerprint import fingerprint_task

    text = "def typed(x):\n    return x + 1\n"
    name = f"<ipython-input-{time.monotonic_ns()}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), names)

    found = fingerprint_task(names["typed"], "typed")

    assert found.source == text.rstrip()
    assert found.untracked == ()


def test_link_to_a_workflow_finds_what_lies_beside_the_file(tmp_path):
    """Helpers, also those that import the workflow, are those of the folder that it really lies in."""
    (tmp_path / "real").mkdir()
    (tmp_path / "deep").mkdir()
    text = "import beside_l\nclass A: pass\nMADE = beside_l.make()\n"
    helper = "def make():\n    import flow_l\n    return flow_l.A()\n"
    write(tmp_path / "real", flow_l=text, beside_l=helper)
    (tmp_path / "deep" / "one.py").symlink_to("../real/flow_l.py")
    link = tmp_path / "link.py"
    link.symlink_to("deep/one.py")

    module = loading.load_workflow(str(link))

    assert sys.path[0] == str(tmp_path / "real")
    assert (module.__name__, module.__file__) == ("flow_l", str(link))
    assert type(module.MADE) is module.A


def test_folder_behind_a_link_is_the_real_one(tmp_path):
    """As for Python's own scripts, so that a helper finds what lies above it."""
    (tmp_path / "real").mkdir()
    write(tmp_path / "real", flow_m="import beside_m\n", beside_m="")
    (tmp_path / "link").symlink_to("real")

    module = loading.load_workflow(str(tmp_path / "link" / "flow_m.py"))

    assert module.beside_m.__file__ == str(tmp_path / "real" / "beside_m.py")


def test_link_to_nothing_says_where_it_leads(tmp_path):
    """The name itself is there, so a nearest one would not help."""
    link = tmp_path / "link.py"
    link.symlink_to("gone.py")

    with pytest.raises(WorkflowLoadError, match=r"is a link to 'gone\.py', which is not there"):
        loading.load_workflow(str(link))
