"""The configuration: where it is found, what it says, and what is refused with its line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from redunlite.config import (
    DEFAULT_INI,
    Config,
    count_cpus,
    find_folder,
    load_config,
    make_folder,
    resolve_folder,
)
from redunlite.errors import ConfigError


def write_ini(folder: Path, text: str) -> str:
    """Write a configuration file and return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / "redunlite.ini").write_text(text)
    return str(folder)


def test_defaults_are_a_process_for_each_cpu() -> None:
    """Without any setting, everything has a value."""
    config = load_config(None, environ={})

    default = config.executors["default"]
    assert (default.type, default.workers) == ("process", count_cpus())
    assert config.limits == {}
    assert config.fingerprint.packages == "version"
    assert config.files.content_limit == 1 << 30
    assert config.recorder.durability == "normal"
    assert config.scheduler.on_failure == "finish"
    assert config == Config()


def test_executor_types_are_executors_by_name() -> None:
    """A task can ask for `inline` without any configuration."""
    executors = Config().executors

    assert [executors[n].type for n in ("process", "thread", "inline")] == [
        "process",
        "thread",
        "inline",
    ]
    assert executors["inline"].workers == 1


def test_default_file_says_the_defaults(tmp_path: Path) -> None:
    """The file of `init`, and with its comment marks taken away, means no change."""
    active = "\n".join(
        line.removeprefix("# ") if " = " in line and "database" not in line else line
        for line in DEFAULT_INI.splitlines()
    )

    assert "type = process" in active.splitlines()
    assert load_config(write_ini(tmp_path, DEFAULT_INI), environ={}).limits == {}
    changed = load_config(write_ini(tmp_path, active), environ={})
    assert changed.executors == Config().executors
    assert changed.files == Config().files
    assert changed.scheduler == Config().scheduler


def test_file_sets_every_section(tmp_path: Path) -> None:
    """Comments, blank lines, colons and case-sensitive names."""
    folder = write_ini(
        tmp_path,
        "\ufeff; a comment\n[executors.default]\nworkers: 3\n\n[executors.io]\ntype = thread\n"
        "workers = 8\n[limits]\nDB = 2\nnet = 0.5\n[fingerprint]\npackages = major\n"
        "[files]\ncontent_limit = 10 MiB\n[recorder]\ndurability = full\n"
        "[scheduler]\non_failure = keep-going\n",
    )

    config = load_config(folder, environ={})

    assert config.executors["default"].workers == 3
    assert (config.executors["io"].type, config.executors["io"].workers) == ("thread", 8)
    assert config.limits == {"DB": 2, "net": 0.5}
    assert config.fingerprint.packages == "major"
    assert config.files.content_limit == 10 << 20
    assert config.recorder.durability == "full"
    assert config.scheduler.on_failure == "keep-going"
    assert config.folder == folder


def test_flag_wins_over_environment_over_file(tmp_path: Path) -> None:
    """Each of the three in turn."""
    folder = write_ini(
        tmp_path, "[executors.default]\nworkers = 1\ntype = thread\n[limits]\nDB = 1\n"
    )
    environ = {"REDUNLITE_EXECUTORS_DEFAULT_WORKERS": "2", "REDUNLITE_LIMITS_DB": "5"}

    assert load_config(folder, environ={}).executors["default"].workers == 1
    from_environment = load_config(folder, environ=environ)
    assert from_environment.executors["default"].workers == 2
    assert from_environment.executors["default"].type == "thread"
    assert from_environment.limits == {"DB": 5}
    flags = {"executors.default": {"workers": 3}}
    assert load_config(folder, flags, environ).executors["default"].workers == 3


def test_other_variables_of_the_environment_are_let_be() -> None:
    """Only a name that begins like a section is a setting."""
    environ = {"REDUNLITE_CONFIG": "x", "REDUNLITE_PAGER": "less", "OTHER_LIMITS_DB": "x"}

    assert load_config(None, environ=environ) == Config()


@pytest.mark.parametrize("variable", ["REDUNLITE_SCHEDULER_WORKERS", "REDUNLITE_EXECUTORS_DEFAULT"])
def test_wrong_variable_of_the_environment_is_named(variable: str) -> None:
    """A setting that does not exist is an error also there."""
    with pytest.raises(ConfigError, match=variable):
        load_config(None, environ={variable: "1"})


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("[executors.default]\ntype = proces\n", 2, "expected process or thread or inline"),
        ("[executors.default]\nworkers = 0\n", 2, "1 or more"),
        ("[executors.default]\nworkers = many\n", 2, "'many'"),
        ("[executors.default]\nworker = 1\n", 2, "did you mean 'workers'"),
        ("\n[excutors.default]\n", 2, "did you mean \\[executors.default\\]"),
        ("[limits]\ndb = -1\n", 2, "0 or more"),
        ("[limits]\ndb = 1\ndb = 2\n", 3, "twice"),
        ("[limits]\n[limits]\n", 2, "twice"),
        ("[limits\n", 1, "expected a section"),
        ("[limits]\njust words\n", 2, "expected key = value"),
        ("workers = 1\n", 1, "expected a section"),
        ("[files]\ncontent_limit = huge\n", 2, "such as 500M"),
        ("[recorder]\ndurability = ful\n", 2, "did you mean 'full'"),
    ],
)
def test_broken_file_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    """File, line, what is there and what should be."""
    folder = write_ini(tmp_path, text)

    with pytest.raises(ConfigError, match=words) as caught:
        load_config(folder, environ={})

    assert str(caught.value).startswith(f"{folder}/redunlite.ini:{line}: ")


# Files that were written for redun.

REDUN_INI = """
[DEFAULT]
account = 123
max_workers = 3

[backend]
db_uri = sqlite:///redun.db

[executors.default]
type = local

[executors.pool]
type = local
mode = processes
start_method = fork
max_workers = 7

[executors.batch]
type = aws_batch
image = ${account}.registry/${UNSET}
memory = 4

[repos.team]
config_dir = s3://team

[scheduler]
job_status_interval = 5
context =
  {
    # how much
    "machine": {"memory": 4},

    "name": "${account}"
  }

[tags]
owner = ${account}
home = ${PLACE}
"""


def test_configuration_of_redun_is_taken(tmp_path: Path) -> None:
    """Values over several lines, names in values, defaults of all sections, local executors."""
    config = load_config(write_ini(tmp_path, REDUN_INI), environ={"PLACE": "here"})

    executors = config.executors
    assert (executors["default"].type, executors["default"].workers) == ("thread", 3)
    assert (executors["pool"].type, executors["pool"].workers) == ("process", 7)
    assert (executors["batch"].type, executors["batch"].target) == ("alias", "default")
    assert config.context == {"machine": {"memory": 4}, "name": "123"}
    assert config.tags == {"owner": 123, "home": "here"}
    assert config.limits == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_of_other_systems_mean_the_same(tmp_path: Path, end: str) -> None:
    """With a mark of the encoding before them, too; lines are counted alike."""
    text = "\ufeff" + REDUN_INI.replace("\n", end)
    (tmp_path / "redunlite.ini").write_bytes(text.encode())

    config = load_config(str(tmp_path), environ={"PLACE": "here"})

    assert config.context == {"machine": {"memory": 4}, "name": "123"}
    assert [int(notice.split(":")[1]) for notice in config.notices] == [7, 10, 15, 19, 24, 27]


def test_each_section_without_effect_has_a_line(tmp_path: Path) -> None:
    """File, line, section, key, and what there is here."""
    folder = write_ini(tmp_path, REDUN_INI)
    notices = load_config(folder, environ={"PLACE": "here"}).notices

    ini = f"{folder}/redunlite.ini"
    assert list(notices) == [
        f"{ini}:7: [backend] has no effect here: results are recorded in redunlite.db beside this file",
        f"{ini}:10: [executors.default] runs jobs in threads, as in redun; mode = process uses all CPUs",
        f"{ini}:15: [executors.pool] start_method has no effect here: workers are always started from a"
        " clean process",
        f"{ini}:19: [executors.batch] runs its jobs on this machine, at executor 'default'; type aws_batch"
        " and its options have no effect here",
        f"{ini}:24: [repos.team] has no effect here: one history a project; -c names another folder",
        f"{ini}:27: [scheduler] job_status_interval has no effect here: a terminal shows the state of the"
        " run all the time",
    ]
    assert (
        Config().notices == load_config(write_ini(tmp_path, DEFAULT_INI), environ={}).notices == ()
    )


@pytest.mark.parametrize("kind", ["docker", "aws_batch", "aws_glue", "k8s", "gcp_batch"])
def test_default_executor_of_another_machine_is_a_pool_of_processes(kind: str) -> None:
    """Also one that the default one stands for: it cannot lead back to it."""
    own = Config({"executors.default": {"type": kind, "image": "x"}, "executors.b": {"type": kind}})
    alias = Config(
        {"executors.default": {"type": "alias", "target": "b"}, "executors.b": {"type": kind}}
    )

    assert own.executors["default"].type == "process"
    assert (own.executors["b"].type, own.executors["b"].target) == ("alias", "default")
    assert alias.executors["b"].type == "process"
    assert own.notices[0].endswith(
        f"[executors.default] runs its jobs on this machine, in processes; type {kind} and its options"
        " have no effect here"
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[backend]\ndb_url = x\n", 2, "unknown key 'db_url' in .backend.; did you mean 'db_uri'"),
        ("[bakend]\n", 1, "did you mean .backend."),
        ("[scheduler]\njob_status_intervall = 1\n", 2, "did you mean 'job_status_interval'"),
        ("[executors.b]\ntype = k8s\nimge = x\n", 3, "did you mean 'image'"),
        ("[executors.b]\ntype = k9s\n", 2, "type is 'k9s', expected process or"),
        ("[executors.b]\ntype = local\nmode = fork\n", 3, "mode is 'fork', expected process or thread"),
        ("[executors.b]\ntype = thread\nmode = process\n", 3, "mode is 'process', and the type is 'thread'"),
        ("[executors.b]\nworkers = 1\nmax_workers = 1\n", 3, "which means the same"),
        ("[executors.b]\nclass = a.B\n", 2, "Scheduler.add_executor in setup_scheduler"),
        ("[limits]\ndb = 2 ; two\n", 2, "a comment stands on a line of its own"),
        ("[limits]\ndb = 2\n  net = 3\n", 2, "a line that is indented goes on with the value above it"),
        ("[tags]\nteam = ${nosuch}\n", 2, "is not in .tags., .DEFAULT. or the environment"),
        ("[scheduler]\ncontext =\n  {\n  'a': 1}\n", 2, "context is not JSON"),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_an_error_still(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    """With file, line and the nearest name, of redun's too."""
    folder = write_ini(tmp_path, text)

    with pytest.raises(ConfigError, match=words) as caught:
        load_config(folder, environ={})

    assert str(caught.value).startswith(f"{folder}/redunlite.ini:{line}: ")


def test_environment_sets_keys_of_several_words(tmp_path: Path) -> None:
    """The name of the executor ends where the key begins."""
    environ = {
        "REDUNLITE_EXECUTORS_MY_POOL_MAX_WORKERS": "2",
        "REDUNLITE_OPTIONS_NAMES": "gpu,  disk",
    }

    config = load_config(write_ini(tmp_path, "[executors.my-pool]\n"), environ=environ)

    assert config.executors["my-pool"].workers == 2
    assert config.options.names == ("gpu", "disk")


def test_configuration_can_be_read_as_a_dict_of_sections(tmp_path: Path) -> None:
    """As a `setup_scheduler` that was written for redun does; and it gives a dict to change."""
    config = load_config(write_ini(tmp_path, REDUN_INI), environ={"PLACE": "here"})

    assert config["executors"]["pool"]["max_workers"] == "7"
    assert config["executors"]["pool"].getint("max_workers") == 7
    assert config.get("scheduler", {}).get("job_status_interval") == "5"
    assert config["scheduler"].getfloat("nosuch", fallback=1.5) == 1.5
    assert config.get("limits", {}) == {} and "limits" not in config
    assert list(config) == ["backend", "executors", "repos", "scheduler", "tags"]
    changed = config.get_config_dict()
    assert Config(changed).executors == config.executors
    changed["executors.pool"]["max_workers"] = "2"
    assert Config(config_dict=changed).executors["pool"].workers == 2
    with pytest.raises(TypeError, match="a configuration does not change; Scheduler"):
        config["executors"]["pool"]["max_workers"] = "2"
    with pytest.raises(AttributeError, match="write Config"):
        config.read_string("")
    with pytest.raises(KeyError):
        config["nosuch"]


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told as such."""
    (tmp_path / "redunlite.ini").write_bytes(b"[limits]\n\xff = 1\n")

    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(str(tmp_path), environ={})


def test_config_from_a_dict_takes_dotted_and_nested_sections() -> None:
    """Both forms mean the same; numbers need no quotes."""
    dotted = Config({"executors.default": {"type": "thread", "workers": 2}, "limits": {"db": 3}})
    nested = Config(
        {"executors": {"default": {"type": "thread", "workers": 2}}, "limits": {"db": 3}}
    )

    assert dotted == nested
    assert dotted.executors["default"].workers == 2
    assert dotted.limits == {"db": 3}


@pytest.mark.parametrize(
    "settings",
    [
        {"executors": {"default": {"type": "magic"}}},
        {"executors": {"default": 4}},
        {"limits": 4},
        {"limit": {"db": 1}},
        {"executors.default": {"workers": True}},
    ],
)
def test_config_from_a_dict_refuses_bad_settings(settings: dict[str, object]) -> None:
    """A dict is held to the same rules as a file."""
    with pytest.raises(ConfigError):
        Config(settings)  # type: ignore[arg-type]


# The folder.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a project below it."""
    home = tmp_path / "home"
    (home / "project" / "deep").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("REDUNLITE_CONFIG", raising=False)
    return home


def test_find_folder_looks_upwards(home: Path) -> None:
    """From the folder itself and from below it."""
    folder = make_folder(str(home / "project"))

    assert find_folder(str(home / "project")) == folder
    assert find_folder(str(home / "project" / "deep")) == folder
    assert find_folder(str(home)) is None


def test_find_folder_stops_at_the_root_of_the_repository(home: Path) -> None:
    """A folder above a repository is another project's."""
    make_folder(str(home / "project"))
    (home / "project" / "deep" / ".git").mkdir()

    assert find_folder(str(home / "project" / "deep")) is None
    assert find_folder(str(home / "project")) is not None


def test_find_folder_takes_the_root_of_the_repository_itself(home: Path) -> None:
    """The root counts."""
    folder = make_folder(str(home / "project"))
    (home / "project" / ".git").mkdir()

    assert find_folder(str(home / "project" / "deep")) == folder


def test_find_folder_takes_the_home_folders_only_in_it(home: Path) -> None:
    """A `.redunlite` in the home folder is not everybody's."""
    folder = make_folder(str(home))

    assert find_folder(str(home)) == folder
    assert find_folder(str(home / "project")) is None


def test_find_folder_goes_no_higher_than_home(home: Path) -> None:
    """What is above the home folder is not the user's."""
    make_folder(str(home.parent))

    assert find_folder(str(home / "project")) is None


def test_resolve_folder_takes_flag_then_environment_then_nearest(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three in turn."""
    nearest = make_folder(str(home / "project"))
    named = make_folder(str(home / "a"))
    flagged = make_folder(str(home / "b"))
    monkeypatch.chdir(home / "project")

    assert resolve_folder() == nearest
    assert resolve_folder(environ={"REDUNLITE_CONFIG": named}) == named
    assert resolve_folder(flagged, environ={"REDUNLITE_CONFIG": named}) == flagged
    assert resolve_folder(str(home / "b")) == flagged


@pytest.mark.parametrize("explicit", [True, False])
def test_resolve_folder_refuses_one_that_does_not_exist(home: Path, explicit: bool) -> None:
    """Also the environment's; nothing is made."""
    missing = str(home / "missing")

    with pytest.raises(ConfigError, match="does not exist"):
        if explicit:
            resolve_folder(missing, environ={})
        else:
            resolve_folder(environ={"REDUNLITE_CONFIG": missing})
    assert not os.path.exists(missing)


def test_make_folder_is_for_its_owner_only(home: Path) -> None:
    """Folder, settings and a file that keeps it out of git."""
    folder = Path(make_folder(str(home / "project")))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (folder / "redunlite.ini").read_text() == DEFAULT_INI
    assert stat.S_IMODE((folder / "redunlite.ini").stat().st_mode) == 0o600


def test_make_folder_keeps_what_is_there(home: Path) -> None:
    """A second call changes nothing."""
    folder = Path(make_folder(str(home / "project")))
    (folder / "redunlite.ini").write_text("[limits]\n")

    assert make_folder(str(home / "project")) == str(folder)
    assert (folder / "redunlite.ini").read_text() == "[limits]\n"


def test_make_folder_refuses_a_file_of_that_name(home: Path) -> None:
    """A file in the way is told."""
    (home / ".redunlite").write_text("")

    with pytest.raises(ConfigError, match="cannot make"):
        make_folder(str(home))


def test_alias_must_lead_somewhere():
    """An alias without a target, with an unknown one, or in a circle is told with its place."""

    def make(**targets):
        return Config(
            {f"executors.{n}": {"type": "alias", "target": t} for n, t in targets.items()}
        )

    assert make(quick="thread").executors["quick"].target == "thread"
    with pytest.raises(ConfigError, match="no target"):
        Config({"executors.quick": {"type": "alias"}})
    with pytest.raises(ConfigError, match="no executor; did you mean 'thread'"):
        make(quick="threat")
    with pytest.raises(ConfigError, match="leads back: a → b → a"):
        make(a="b", b="a")
    with pytest.raises(ConfigError, match="only an executor of type alias"):
        Config({"executors.quick": {"type": "thread", "target": "inline"}})
