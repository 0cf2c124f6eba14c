"""Reading back what was recorded: ids, names, jobs, trees, values. Real runs, in memory or on disk."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from redunlite import Scheduler, catch, hashing, task
from redunlite.errors import AmbiguousIdError, UnknownNameError
from redunlite.history import records, tree
from redunlite.history.query import (
    History,
    find_value_of,
    get_bounds,
    parse_id,
)
from redunlite.history.tree import FoldLine, JobLine, get_tree
from redunlite.history.values import load_value
from redunlite.recorder import codes, models
from redunlite.recorder.cache import fill_index
from redunlite.recorder.database import Database, insert_sql, open_database, open_readonly
from redunlite.valuestore import ValueStore

redun_namespace = "test_history"


@task()
def inc(x):
    return x + 1


@task()
def collect(xs):
    return xs


@task()
def fan(n):
    return collect([inc(i) for i in range(n)])


@task()
def deep(n):
    return inc(n) if n == 0 else deep(n - 1)


@task()
def various(first, *rest, key=1, **others):
    return "x" * 100


@task()
def fail(x):
    raise ZeroDivisionError(f"no {x}")


@task()
def recover(error):
    return str(error)


@task()
def careful(x):
    return catch(fail(x), ZeroDivisionError, recover)


def get_history(scheduler: Scheduler) -> History:
    """Return the history of a scheduler's database."""
    database = scheduler._session.database
    assert database is not None
    return History(database)


def find_jobs(history: History, name: str) -> list[records.JobRecord]:
    """Return the jobs of a task, with their arguments."""
    jobs = history.add_arguments(history.find_jobs("1", ()))
    return [job for job in jobs if job.task.name == name]


def test_jobs_of_a_call_are_found_in_all_executions_that_have_them():
    """Those of the execution that made the call come first; others without its task are passed by."""
    scheduler = Scheduler()
    scheduler.run(collect([inc(1), inc(2)]))
    scheduler.run(collect([5]))
    scheduler.run(collect([inc(2), inc(1)]))
    history = get_history(scheduler)
    jobs = [job for job in find_jobs(history, "inc") if job.arguments[0].value.preview == "2"]
    call = history.get_call(jobs[0].call)
    rows = [job.row for job in jobs]

    assert [job.execution for job in jobs] == [1, 3]
    assert [job.row for job in history.find_jobs_of_call(call, 10)] == rows
    assert [job.row for job in history.find_jobs_of_call(call, 1)] == rows[:1]


class Rows:
    """Builds a history row by row, for what a run would take too long for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._add(
            models.Task, id=1, hash=bytes(20), name="inc", namespace="rows", params='[["x", 1]]'
        )

    def _add(self, model: type[models.Table], **columns: object) -> None:
        names = [field.column_name for field in model._meta.sorted_fields]
        defaults = {"n_calls": 0, "n_indexed": 0, "kind": 0, "flags": 0}
        self.database.begin()
        self.database.connection.execute(
            insert_sql(model), [columns.get(name, defaults.get(name)) for name in names]
        )
        self.database.commit()

    def add_execution(self, number: int, raw: str = "", **columns: object) -> None:
        """Add an execution whose UUID begins with hex digits."""
        values = {
            "uuid": bytes.fromhex(raw.ljust(32, "0")), "status": codes.DONE, "argv": "[]",
            "start_time": 1_000_000 * number, **columns,
        }  # fmt: skip
        self._add(models.Execution, id=number, **values)

    def add_job(self, execution: int, serial: int, salt: str, **columns: object) -> int:
        """Add a job whose id begins with hex digits; return its row id."""
        row = execution << codes.SERIAL_BITS | serial
        values = {"task": 1, "status": codes.DONE, "start_time": 1_000_000 + serial, **columns}
        self._add(models.Job, id=row, salt=bytes.fromhex(salt.ljust(16, "0")), **values)
        return row

    def add_call(self, execution: int, serial: int, call_hash: str, eval_hash: str) -> None:
        """Add a call node of `inc(1) -> 2`."""
        self._add(
            models.Call, id=execution << codes.SERIAL_BITS | serial, task=1, status=codes.CALL_OK,
            call_hash=bytes.fromhex(call_hash.ljust(40, "0")),
            eval_hash=bytes.fromhex(eval_hash.ljust(40, "0")), result=hashing.token(2),
        )  # fmt: skip
        self.database.connection.execute(
            "UPDATE execution SET n_calls = max(n_calls, ?) WHERE id = ?", (serial, execution)
        )


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    """A builder over a database on disk."""
    database = open_database(str(tmp_path / "redunlite.db"))
    yield Rows(database)
    database.close()


# Executions.


def test_executions_are_listed_newest_first(scheduler: Scheduler):
    """Status, root task and order; `-` and `~n` count from the newest."""
    scheduler.run(inc(1))
    with pytest.raises(ZeroDivisionError):
        scheduler.run(fail(2))
    history = get_history(scheduler)

    found = history.find_executions()
    assert [(e.number, e.status, e.root_task) for e in found] == [
        (2, "FAILED", "test_history.fail"), (1, "DONE", "test_history.inc"),
    ]  # fmt: skip
    assert [e.number for e in history.find_executions(1)] == [2]
    for word, number in (("-", 2), ("~1", 2), ("~2", 1)):
        assert history.find_records(word).matches[0].row == number
    assert found[0].duration_us is not None
    assert uuid.UUID(found[0].uuid).version == 4


@pytest.mark.parametrize(
    "word", ["", "%", "_", "~0", "~3", "~", "~x", "~999999999999", "zzz", "*", "'"]
)
def test_words_that_name_nothing_are_unknown(scheduler: Scheduler, word: str):
    """Patterns are no patterns here, and there is no execution before the first."""
    scheduler.run(inc(1))

    with pytest.raises(UnknownNameError):
        get_history(scheduler).find_records(word)


def test_execution_of_a_dead_process_reads_as_interrupted(rows: Rows):
    """Before any run has closed it, its jobs are cancelled and counted so."""
    rows.add_execution(1, "aa", status=codes.RUNNING, lease="gone")
    row = rows.add_job(1, 1, "bb", status=codes.RUNNING)
    rows._add(models.Counter, execution=1, task=1, n_running=1, n_failed=0, n_cached=0, n_done=0,
              n_cancelled=0, duration_us=0)  # fmt: skip
    history = History(rows.database)

    execution = history.get_execution(1)
    assert (execution.status, execution.error) == ("FAILED", "interrupted")
    assert history.find_jobs("id = ?", (row,))[0].status == "CANCELLED"
    (count,) = history.find_counts(execution)
    assert (count.n_running, count.n_cancelled) == (0, 1)


def test_execution_of_a_live_process_is_running(rows: Rows):
    """While its lease is held it runs."""
    rows.database.take_lease("held")
    rows.add_execution(1, "aa", status=codes.RUNNING, lease="held")

    assert History(rows.database).get_execution(1).status == "RUNNING"


# Jobs.


def test_jobs_are_what_was_computed(scheduler: Scheduler):
    """Arguments, origins, results and parents of every job of a fan-out."""
    n = 30
    scheduler.run(fan(n))
    history = get_history(scheduler)

    root = find_jobs(history, "fan")[0]
    jobs = find_jobs(history, "inc")
    assert len(jobs) == n
    calls = set()
    for job in jobs:
        (argument,) = job.arguments
        detail = history.get_job_detail(job.row)
        assert detail.call is not None and detail.call.result is not None
        assert argument.name == "x"
        assert int(detail.call.result.preview) == int(argument.value.preview) + 1
        assert [step.row for step in detail.trail] == [root.row, job.row]
        assert detail.execution.uuid[18:] == job.uuid[18:]
        calls.add(job.call)
    (collected,) = find_jobs(history, "collect")
    origin = collected.arguments[0].origin
    assert origin is not None
    members, n_members = history.find_members(-1 - origin, n + 1)
    assert (set(members), n_members) == (calls, n)


def test_status_tells_cached_jobs(scheduler: Scheduler):
    """A job that an earlier run answered is CACHED, one that failed FAILED."""
    scheduler.run(careful(1))
    scheduler.run(inc(1))
    scheduler.run(inc(1))
    history = get_history(scheduler)

    assert [job.status for job in find_jobs(history, "inc")] == ["DONE", "CACHED"]
    assert [job.status for job in find_jobs(history, "fail")] == ["FAILED"]
    (count,) = history.find_counts(history.get_execution(3))
    assert (count.task, count.n_cached, count.total) == ("test_history.inc", 1, 1)


def test_failed_job_keeps_its_error_and_frames(scheduler: Scheduler):
    """The error is read without unpickling: its text, and the user's own frames."""
    scheduler.run(careful(7))
    history = get_history(scheduler)

    (job,) = find_jobs(history, "fail")
    call = history.get_job_detail(job.row).call
    assert call is not None and call.result is not None
    assert call.status == "FAILED"
    assert call.result.is_error
    assert call.result.preview == "ErrorValue(ZeroDivisionError('no 7'))"
    assert call.result.summary == "ZeroDivisionError: no 7"
    file, _, name, text = call.result.frames[-1]
    assert (Path(file).name, name) == ("test_history.py", "fail")
    assert text == 'raise ZeroDivisionError(f"no {x}")'


def test_parameters_tell_their_kind(scheduler: Scheduler):
    """Star parameters are one argument each."""
    scheduler.run(various(1, 2, 3, key=4, z=5))
    history = get_history(scheduler)

    (job,) = find_jobs(history, "various")
    assert [(a.name, a.kind, a.value.preview) for a in job.arguments] == [
        ("first", records.POSITIONAL, "1"),
        ("rest", records.VAR_POSITIONAL, "(2, 3)"),
        ("key", records.KEYWORD_ONLY, "4"),
        ("others", records.VAR_KEYWORD, "{'z': 5}"),
    ]


def test_long_trail_leaves_out_its_middle(scheduler: Scheduler):
    """Both ends of a deep chain of parents are told, and how many are between."""
    scheduler.run(deep(50))
    history = get_history(scheduler)

    (leaf,) = find_jobs(history, "inc")
    detail = history.get_job_detail(leaf.row)
    assert len(detail.trail) + detail.n_left_out == 52
    assert [a.value.preview for a in history.add_arguments(detail.trail)[0].arguments] == ["50"]
    assert detail.trail[-1].row == leaf.row


# Words.


def test_every_printed_id_is_found(scheduler: Scheduler):
    """Executions, jobs, call nodes, eval hashes, tasks and values; whole and by 8 characters."""
    scheduler.run(various(1, "two", z=[3.5]))
    scheduler.run(collect(["y" * 80]))
    history = get_history(scheduler)

    words: dict[str, str] = {}
    for execution in history.find_executions():
        words[execution.uuid] = records.EXECUTION
    for job in history.add_arguments(history.find_jobs("1", ())):
        call = history.get_call(job.call or 0)
        assert call.result is not None
        words |= {
            job.uuid: records.JOB,
            call.call_hash: records.CALL,
            call.eval_hash: records.CALL,
            job.task.hash: records.TASK,
            call.result.hash: records.VALUE,
        }
        words |= {argument.value.hash: records.VALUE for argument in job.arguments}
    assert len(words) >= 14
    for word, kind in words.items():
        for part in (word, word[:8], word[:13], word.upper()):
            (match,) = history.find_records(part).matches
            assert (match.kind, match.id) == (kind, word)


def test_task_names_are_found_short_and_full(scheduler: Scheduler):
    """All versions of a task, newest first; a part of a name is no name."""
    scheduler.run(inc(1))
    history = get_history(scheduler)

    for word in ("inc", "test_history.inc"):
        (match,) = history.find_records(word).matches
        assert (match.kind, match.row) == (records.TASK, find_jobs(history, "inc")[0].task.row)
    for word in ("in", "history.inc", ".inc", "other.inc"):
        with pytest.raises(UnknownNameError):
            history.find_records(word)
    with pytest.raises(UnknownNameError, match="did you mean 'inc'"):
        history.find_records("imc")


def test_task_name_goes_before_ids_and_tells_of_them(rows: Rows):
    """A task called like the beginning of ids is meant; `only_ids` means the ids."""
    rows._add(models.Task, id=2, hash=b"\1" * 20, name="add", namespace="rows", params="[]")
    rows.add_execution(1, "add0")
    history = History(rows.database)

    found = history.find_records("add")
    assert [match.kind for match in found.matches] == [records.TASK]
    assert found.n_others == 1
    (match,) = history.find_records("add", only_ids=True).matches
    assert match.kind == records.EXECUTION
    with pytest.raises(UnknownNameError):
        history.find_records("rows.add", only_ids=True)


def test_ambiguous_id_lists_candidates_with_kind_and_status(rows: Rows):
    """At most twenty, of every kind, and how many there are in all."""
    rows.add_execution(1, "ab00", argv='["run", "x.py"]')
    rows.add_call(1, 1, "ab11", "cd")
    for serial in range(1, 31):
        rows.add_job(1, serial, f"ab2{serial:03d}", status=codes.FAILED)
    history = History(rows.database)

    with pytest.raises(AmbiguousIdError) as caught:
        history.find_records("ab")
    assert caught.value.n_candidates is None
    assert "more than 20 records match:" in caught.value.message
    assert len(caught.value.candidates) == 20
    assert caught.value.candidates[0] == "Exec ab000000 [DONE] run x.py"
    assert caught.value.candidates[1] == "Job ab200100 [FAILED] rows.inc"
    with pytest.raises(AmbiguousIdError) as caught:
        history.find_records("ab202")
    assert (caught.value.n_candidates, len(caught.value.candidates)) == (10, 10)


@pytest.mark.parametrize(
    "typed",
    [
        "ab20017f",
        "ab210171",
        "ab2o0171",
        "b2001711",
        "abb200171",
        "ba200171",
        "ab2001-71f",
        "ab2011",
    ],
)
def test_unknown_id_proposes_one_that_is_one_slip_away(rows: Rows, typed: str):
    """A digit is wrong, missing, too many, swapped or none; the record is named as in lists."""
    rows.add_execution(1, "cd0")
    rows.add_job(1, 1, "ab2001711", status=codes.FAILED)
    history = History(rows.database)

    with pytest.raises(UnknownNameError) as caught:
        history.find_records(typed, only_ids=True)

    assert caught.value.hint.startswith("did you mean Job ab200171")
    assert caught.value.hint.endswith(" [FAILED] rows.inc?")


def test_unknown_id_that_is_near_to_several_lists_them(rows: Rows):
    """Three at most; one that is near to nothing is told where the lists are."""
    rows.add_execution(1, "cd0")
    for serial in range(1, 6):
        rows.add_job(1, serial, f"ab20017{serial}1")
    history = History(rows.database)

    with pytest.raises(UnknownNameError) as caught:
        history.find_records("ab200179", only_ids=True)
    assert caught.value.hint.splitlines()[0] == "did you mean one of these?"
    assert [line[:14] for line in caught.value.hint.splitlines()[1:]] == [
        f"  Job ab20017{n}" for n in (5, 4, 3)
    ]
    for typed in ("ac2", "ffff0000", "é" * 9):
        with pytest.raises(UnknownNameError) as caught:
            history.find_records(typed, only_ids=True)
        assert caught.value.hint == "redunlite log lists the executions"


def test_ambiguous_id_is_not_read_to_the_end(rows: Rows):
    """Of one digit that half of the records begin with, only what is listed is looked at."""
    rows.add_execution(1, "cd0")
    for serial in range(1, 200):
        rows.add_job(1, serial, f"a{serial:05x}")
    history = History(rows.database)
    n_steps = 0

    def count() -> None:
        nonlocal n_steps
        n_steps += 1

    def run(word: str) -> int:
        nonlocal n_steps
        n_steps = 0
        rows.database.connection.set_progress_handler(count, 1)
        try:
            with pytest.raises(AmbiguousIdError):
                history.find_records(word)
        finally:
            rows.database.connection.set_progress_handler(None, 0)
        return n_steps

    before = run("a")
    for serial in range(200, 2000):
        rows.add_job(1, serial, f"a{serial:05x}")
    assert run("a") <= before


def test_printed_id_that_is_shared_means_the_newest(rows: Rows):
    """The others are told; `load_value`, which decodes, chooses none."""
    for number in (1, 2, 3):
        rows.add_execution(number, f"c{number}")
    older = [rows.add_job(number, 1, f"ab200100{number}") for number in (1, 2)]
    newest = rows.add_job(3, 1, "ab2001007")
    history = History(rows.database)

    found = history.find_records("ab200100")

    assert [match.row for match in found.matches] == [newest]
    assert [match.row for match in found.older] == older[::-1]
    assert history.describe_matches("ab200100", found.older)[0].startswith(
        "Job ab200100-200 [DONE]"
    )
    assert not history.find_records("ab2001007").older
    with pytest.raises(AmbiguousIdError):
        history.find_records("ab20010")
    with pytest.raises(AmbiguousIdError):
        load_value(rows.database, ValueStore(None), "ab200100")


def test_evaluations_are_found_in_the_index_and_behind_it(rows: Rows):
    """By any beginning of their hash, at both ends of the range of signed numbers, too."""
    heads = ["00", "0f", "7fffffffffffffffff", "7f", "80", "8000000000000000ff", "fe", "ff" * 20]
    for number in (1, 2):
        rows.add_execution(number, f"c{number}")
        for serial, head in enumerate(heads, 1):
            rows.add_call(number, serial, f"b{number}{serial}", head)
        if number == 1:
            rows.database.begin()
            fill_index(rows.database.connection, everything=True)
            rows.database.commit()
    history = History(rows.database)
    all_rows = rows.database.connection.execute(
        "SELECT id, call_hash, eval_hash FROM call ORDER BY id"
    ).fetchall()

    for head in heads:
        whole = head.ljust(40, "0")
        for n_digits in range(1, 41):
            prefix = whole[:n_digits]
            found = sorted(history._iter_evaluations(*get_bounds(prefix)))
            assert found == [row for row in all_rows if row[2].hex().startswith(prefix)]


def test_job_is_looked_for_in_its_own_execution(scheduler: Scheduler):
    """The digits of an id tell which executions may have it; those of older versions may."""
    for n in range(3):
        scheduler.run(fan(n))
    history = get_history(scheduler)
    jobs = find_jobs(history, "inc") + find_jobs(history, "fan")
    assert {job.execution for job in jobs} == {1, 2, 3}

    for job in jobs:
        assert history._find_executions_of(job.uuid[:8]) == [job.execution]
        (match,) = history.find_records(job.uuid[:8]).matches
        assert match.row == job.row
    assert history._find_executions_of(jobs[0].uuid[:7]) is None
    call = history.get_call(jobs[0].call or 0)
    assert history._find_executions_of(call.call_hash[:8]) == []
    history.connection.execute("UPDATE job SET salt = randomblob(8) WHERE id >> 32 = 2")
    assert history._find_executions_of(call.call_hash[:8]) == [2]


def test_equal_hashes_are_one_id(rows: Rows):
    """A call node that was written twice, and two calls under one eval hash, are not ambiguous."""
    rows.add_execution(1)
    rows.add_execution(2, "01")
    rows.add_call(1, 1, "ab11", "cd")
    rows.add_call(2, 1, "ab11", "cd")
    history = History(rows.database)

    for word in ("ab1", "cd"):
        (match,) = history.find_records(word).matches
        assert (match.kind, match.row) == (records.CALL, 2 << codes.SERIAL_BITS | 1)


def test_odd_number_of_digits_bounds_half_a_byte(rows: Rows):
    """Neighbours on both sides of a prefix are other ids, also at the end of all bytes."""
    for number, raw in enumerate(("ab0f", "ab10", "ab1f", "ab20", "ffff"), 1):
        rows.add_execution(number, raw)
    history = History(rows.database)

    with pytest.raises(AmbiguousIdError) as caught:
        history.find_records("ab1")
    assert caught.value.n_candidates == 2
    for word in ("f", "ff", "fff", "ffff"):
        assert history.find_records(word).matches[0].row == 5
    assert get_bounds("f") == (b"\xf0", None)


@pytest.mark.parametrize(
    ("word", "digits"),
    [
        ("d1419df0-f954-4a33-8f5b-ff401856c137", "d1419df0f9544a338f5bff401856c137"),
        ("d1419df0-", "d1419df0"),
        ("D1419DF0-F9", "d1419df0f9"),
        ("d141-9df0", None),
        ("-", None),
        ("", None),
        ("g", None),
        ("a" * 41, None),
    ],
)
def test_words_that_can_be_ids(word: str, digits: str | None):
    """Dashes only where a UUID has them."""
    assert parse_id(word) == digits


# Trees.


def test_tree_is_in_order_of_start(scheduler: Scheduler):
    """Depth first; the same shape when all is cached."""
    for _ in range(2):
        scheduler.run(fan(3))
    history = get_history(scheduler)

    for number in (1, 2):
        execution = history.get_execution(number)
        found = get_tree(history, execution, history.find_counts(execution))
        shown = [(x.depth, x.job.task.name) for x in found.lines if isinstance(x, JobLine)]
        assert shown == [(0, "fan"), (1, "inc"), (1, "inc"), (1, "inc"), (1, "collect")]
        assert (found.n_jobs, found.n_shown) == (5, 5)


def test_wide_tree_folds_what_is_behind_the_limit(scheduler: Scheduler, monkeypatch):
    """So many jobs are shown, and the others are counted by task."""
    scheduler.run(fan(50))
    monkeypatch.setattr(tree, "MAX_JOBS", 10)
    history = get_history(scheduler)
    execution = history.get_execution(1)
    counts = history.find_counts(execution)

    found = get_tree(history, execution, counts)
    folds = [line for line in found.lines if isinstance(line, FoldLine)]
    assert (found.n_jobs, found.n_shown) == (52, 10)
    assert sum(fold.n_jobs for fold in folds) == 42
    whole = get_tree(history, execution, counts, everything=True)
    assert (whole.n_jobs, whole.n_shown, len(whole.lines)) == (52, 52, 52)


def test_deep_tree_folds_its_middle(scheduler: Scheduler):
    """The depth of lines is bounded, the deepest job is shown."""
    scheduler.run(deep(100))
    history = get_history(scheduler)
    execution = history.get_execution(1)

    found = get_tree(history, execution, history.find_counts(execution))
    assert max(line.depth for line in found.lines) == tree.MAX_DEPTH
    (fold,) = [line for line in found.lines if isinstance(line, FoldLine)]
    assert fold.n_jobs + found.n_shown == found.n_jobs == 102
    assert isinstance(found.lines[-1], JobLine)
    assert found.lines[-1].job.task.name == "inc"


def test_failed_jobs_are_shown_however_many_come_before(rows: Rows, monkeypatch):
    """A failure behind the limit stands in its place, under its parent."""
    monkeypatch.setattr(tree, "MAX_JOBS", 5)
    rows.add_execution(1, "aa", status=codes.FAILED)
    root = rows.add_job(1, 1, "b1", status=codes.FAILED)
    for serial in range(2, 40):
        rows.add_job(1, serial, f"b{serial:03d}", parent=root)
    below = rows.add_job(1, 40, "c1", parent=root, status=codes.FAILED)
    leaf = rows.add_job(1, 41, "c2", parent=below, status=codes.FAILED)
    rows._add(models.Counter, execution=1, task=1, n_running=0, n_failed=3, n_cached=0, n_done=38,
              n_cancelled=0, duration_us=0)  # fmt: skip
    history = History(rows.database)
    execution = history.get_execution(1)

    found = get_tree(history, execution, history.find_counts(execution))
    shown = {x.job.row: x.depth for x in found.lines if isinstance(x, JobLine)}
    assert (shown[below], shown[leaf]) == (1, 2)
    assert found.n_shown == 7


@task()
def fail_alike(n):
    """Raise what all others raise."""
    raise ValueError("same")


@task()
def pass_on(n):
    return fail_alike(n) if n == 0 else pass_on(n - 1)


@task()
def fail_above(error):
    raise KeyError("other")


@task()
def tree_of_failures():
    return [pass_on(3), catch(fail_alike(1), ValueError, recover), fail_alike(2)]


def test_failed_jobs_know_what_they_raised(scheduler: Scheduler):
    """The error belongs to the job that raised it, and to those above it only because of that."""
    with pytest.raises(ValueError, match="same"):
        scheduler.run(pass_on(3))
    history = get_history(scheduler)
    execution = history.get_execution(1)

    found = get_tree(history, execution, history.find_counts(execution))
    lines = [line for line in found.lines if isinstance(line, JobLine)]
    assert [line.job.error and line.job.error.summary for line in lines] == ["ValueError: same"] * 5
    assert [line.is_cause for line in lines] == [False] * 4 + [True]
    failed_job = history.find_failed_job(execution)
    assert failed_job is not None
    assert failed_job.row == lines[-1].job.row


def test_job_that_an_execution_failed_of_is_the_first_of_several(scheduler: Scheduler):
    """Of jobs that raise alike it is the first one under the root; one that was caught is none."""
    with pytest.raises(ValueError, match="same"):
        scheduler.run(tree_of_failures(), failure_policy="keep-going")
    history = get_history(scheduler)
    failed = find_jobs(history, "fail_alike")
    first = min(failed, key=lambda job: job.start_us + (job.duration_us or 0))
    root_job = history.get_execution(1).root_job
    climbing = [job for job in failed if job.parent == root_job]

    found = history.find_failed_job(history.get_execution(1))

    assert len(failed) == 3 and len(climbing) == 2
    assert found is not None
    assert found.status == "FAILED" and found.task.name == "fail_alike"
    assert found.row == first.row


def test_error_of_its_own_is_told_above_another_one(scheduler: Scheduler):
    """A job whose child raised something else failed of itself."""

    @task()
    def above():
        return catch(fail_alike(1), ValueError, fail_above)

    with pytest.raises(KeyError, match="other"):
        scheduler.run(above())
    history = get_history(scheduler)
    execution = history.get_execution(1)
    found = get_tree(history, execution, history.find_counts(execution))

    causes = [x.job.task.name for x in found.lines if isinstance(x, JobLine) and x.is_cause]
    assert causes == ["fail_alike", "fail_above"]


def test_execution_that_did_not_fail_has_no_failed_job(scheduler: Scheduler, rows: Rows):
    """Neither one that is done, though a job of it failed, nor one that was interrupted."""
    scheduler.run(careful(1))
    rows.add_execution(1, "aa", status=codes.RUNNING)
    rows.add_job(1, 1, "b1", status=codes.RUNNING)
    history, interrupted = get_history(scheduler), History(rows.database)

    assert history.find_failed_job(history.get_execution(1)) is None
    assert interrupted.get_execution(1).status == "FAILED"
    assert interrupted.find_failed_job(interrupted.get_execution(1)) is None


# Values.


def test_values_are_told_without_decoding(scheduler: Scheduler):
    """A small plain value is whole in its token, any other has a row with its preview."""
    scheduler.run(collect(["y" * 80, {1: None}]))
    history = get_history(scheduler)

    (job,) = find_jobs(history, "collect")
    value = job.arguments[0].value
    assert value.row is not None and value.token is None
    assert value.preview.startswith("['yyy")
    assert value.hash == hashing.value_hash(hashing.token(["y" * 80, {1: None}])).hex()
    small = history.find_values([hashing.token([1, "a"])])[hashing.token([1, "a"])]
    assert (small.preview, small.type_name) == ("[1, 'a']", "builtins.list")


def test_load_value_gives_back_what_was_computed(scheduler: Scheduler):
    """By the id of a value, call node, job or execution."""
    expected = ["y" * 80, {1: None}]
    scheduler.run(collect(expected))
    session = scheduler._session
    database = session.database
    assert database is not None
    history = History(database)
    (job,) = find_jobs(history, "collect")
    call = history.get_call(job.call or 0)
    assert call.result is not None

    for word in (call.result.hash, call.call_hash, job.uuid, history.get_execution(1).uuid):
        assert load_value(database, session.store, word) == expected
    scheduler.run(inc(1))
    assert load_value(database, session.store, hashing.value_hash(hashing.token(2)).hex()) == 2


def test_history_of_schema_1_reads(tmp_path: Path):
    """The stored database of schema 1: ids, tree, output, errors and values."""
    database = open_readonly(str(Path(__file__).parent / "golden" / "schema_1.db"))
    history = History(database)

    statuses = [e.status for e in history.find_executions()]
    assert statuses == ["FAILED", "DONE", "DONE", "DONE"]
    execution = history.get_execution(2)
    found = get_tree(history, execution, history.find_counts(execution))
    assert [(x.depth, x.job.task.fullname, x.job.status) for x in found.lines] == [
        (0, "golden.main", "CACHED"),
        (1, "golden.get_planet", "CACHED"),
        (1, "golden.greeter", "CACHED"),
    ]
    jobs = {job.task.name: job for job in history.find_jobs("1", ())}
    detail = history.get_job_detail(jobs["collect"].row)
    assert detail.output is not None and detail.output.head == b"collecting 5\n"
    failed = find_value_of(history, history.find_records("-").matches[0])
    assert failed is not None and failed.preview == "ErrorValue(ValueError('golden'))"
    store = ValueStore(str(tmp_path / "values"))
    word = history.get_execution(3).uuid
    assert load_value(database, store, word) == [[1, 2, 3, 4, 5], "x" * 100]
    database.close()
