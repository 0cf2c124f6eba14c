"""What a run leaves in the database: counts, rows, origins, and answers from them."""

from __future__ import annotations

import pytest

from redunlite import Scheduler, catch, get_task_registry, task
from redunlite.hashing import decode_token
from redunlite.jobinfo import JobIds, format_uuid, make_job_uuid, make_uuid
from redunlite.recorder import models
from redunlite.recorder.database import open_memory
from redunlite.recorder.durations import Durations
from redunlite.recorder.writer import RunRecorder
from redunlite.valuestore import ValueStore

redun_namespace = "test_recorder"


@task()
def inc(x):
    return x + 1


@task()
def collect(xs):
    return len(xs)


@task()
def fan(n):
    return collect([inc(i) for i in range(n)])


@task()
def greeter(greet, thing):
    return f"{greet}, {thing}!"


@task()
def get_planet():
    return "the World"


@task()
def hello(greet="Hello there"):
    return greeter(greet, get_planet())


@task()
def fail():
    raise ValueError("no")


@task()
def recover(error):
    return str(error)


def query(scheduler: Scheduler, sql: str, *values):
    """Return the rows of a query on a scheduler's database."""
    return scheduler._session.database.connection.execute(sql, values).fetchall()


def test_rows_are_what_the_workflow_did(scheduler: Scheduler):
    """Jobs, calls, child edges, arguments and origins of a fan-out, cold and cached."""
    n = 50
    scheduler.run(fan(n))

    assert query(scheduler, "SELECT count(*) FROM job") == [(n + 2,)]
    assert query(scheduler, "SELECT count(*) FROM call") == [(n + 2,)]
    assert query(scheduler, "SELECT count(*) FROM job WHERE parent IS NOT NULL") == [(n + 1,)]
    assert query(scheduler, "SELECT count(*) FROM argument") == [(n + 2,)]
    (origin,) = query(
        scheduler,
        "SELECT a.origin FROM argument a JOIN call c ON c.id = a.call JOIN task t ON t.id = c.task "
        "WHERE t.name = 'collect'",
    )[0]
    members = query(scheduler, 'SELECT member FROM set_member WHERE "set" = ?', -1 - origin)
    assert len(members) == n
    calls = query(
        scheduler, "SELECT c.id FROM call c JOIN task t ON t.id = c.task WHERE t.name = 'inc'"
    )
    assert {m[0] for m in members} == {c[0] for c in calls}

    scheduler.run(fan(n))

    assert query(scheduler, "SELECT count(*) FROM job") == [(2 * n + 4,)]
    assert query(scheduler, "SELECT count(*) FROM call") == [(n + 2,)]
    assert query(scheduler, "SELECT count(*) FROM job WHERE kind = ?", models.KIND_SINGLE) == [
        (n + 2,)
    ]
    statuses = query(scheduler, "SELECT DISTINCT status FROM job")
    assert statuses == [(models.DONE,)]


def test_counters_agree_with_the_jobs(scheduler: Scheduler):
    """What is counted as rows are written is what the rows say."""
    scheduler.run(fan(20))
    scheduler.run(fan(21))

    counted = query(
        scheduler, "SELECT execution, task, n_cached, n_done FROM counter ORDER BY execution, task"
    )
    expected = query(
        scheduler,
        "SELECT id >> 32, task, sum(kind > 0), sum(kind = 0) FROM job GROUP BY 1, 2 ORDER BY 1, 2",
    )
    assert counted == expected


def test_argument_passed_on_is_recorded_by_place(scheduler: Scheduler):
    """An argument of the parent that is handed to a child has that place as its origin."""
    scheduler.run(hello())

    rows = query(
        scheduler,
        "SELECT a.place, a.origin, c.id FROM argument a JOIN call c ON c.id = a.call "
        "JOIN task t ON t.id = c.task WHERE t.name = 'greeter' ORDER BY a.place",
    )
    planet = query(
        scheduler,
        "SELECT c.id FROM call c JOIN task t ON t.id = c.task WHERE t.name = 'get_planet'",
    )[0][0]
    assert [(place, origin) for place, origin, _ in rows] == [(0, 0), (1, planet)]


def test_final_value_records_the_call_it_came_from(scheduler: Scheduler):
    """The result of a task that returned a call has that call as its origin."""
    scheduler.run(hello())

    (origin,) = query(
        scheduler,
        "SELECT c.result_origin FROM call c JOIN task t ON t.id = c.task WHERE t.name = 'hello'",
    )[0]
    name = query(
        scheduler, "SELECT t.name FROM call c JOIN task t ON t.id = c.task WHERE c.id = ?", origin
    )
    assert name == [("greeter",)]


def test_equal_call_from_elsewhere_gets_a_row_of_its_own(scheduler: Scheduler):
    """A cached call whose arguments came from somewhere else keeps its own dataflow."""
    scheduler.run(greeter("Hello there", "the World"))
    scheduler.run(hello())

    rows = query(
        scheduler,
        "SELECT c.id, c.upstream IS NULL, c.call_hash FROM call c JOIN task t ON t.id = c.task "
        "WHERE t.name = 'greeter' ORDER BY c.id",
    )
    assert [is_null for _, is_null, _ in rows] == [1, 0]
    assert rows[0][2] == rows[1][2]
    kinds = query(
        scheduler,
        "SELECT j.kind FROM job j JOIN task t ON t.id = j.task WHERE t.name = 'greeter' ORDER BY j.id",
    )
    assert kinds == [(models.KIND_RUN,), (models.KIND_SINGLE,)]


def test_small_values_live_in_their_rows(scheduler: Scheduler):
    """Plain small arguments and results need no row of `value`."""
    scheduler.run(inc(41))

    assert query(scheduler, "SELECT count(*) FROM value") == [(0,)]
    (argument,) = query(scheduler, "SELECT value FROM argument")[0]
    (result,) = query(scheduler, "SELECT result FROM call")[0]
    assert (decode_token(argument), decode_token(result)) == (41, 42)


def test_failed_run_leaves_final_states(scheduler: Scheduler):
    """Root and leaf are FAILED, what never became ready has no row, the error is readable."""
    with pytest.raises(ValueError):
        scheduler.run(greeter("x", fail()))

    assert query(scheduler, "SELECT status FROM execution") == [(models.FAILED,)]
    rows = query(scheduler, "SELECT t.name, j.status FROM job j JOIN task t ON t.id = j.task")
    assert ("fail", models.FAILED) in rows
    assert all(status != models.RUNNING for _, status in rows)
    details = query(scheduler, "SELECT detail FROM value WHERE detail IS NOT NULL")
    assert len(details) == 1
    assert "ValueError: no" in details[0][0]


def test_recovered_value_came_from_the_failed_call(scheduler: Scheduler):
    """`catch` links the argument of the recovery to the call that failed."""
    scheduler.run(catch(fail(), ValueError, recover))

    (origin,) = query(
        scheduler,
        "SELECT a.origin FROM argument a JOIN call c ON c.id = a.call JOIN task t ON t.id = c.task "
        "WHERE t.name = 'recover'",
    )[0]
    name = query(
        scheduler, "SELECT t.name FROM call c JOIN task t ON t.id = c.task WHERE c.id = ?", origin
    )
    assert name == [("fail",)]


def test_flipped_bit_is_a_miss_not_a_wrong_answer(scheduler: Scheduler):
    """A row that is not what was written is never an answer."""
    scheduler.run(inc(1))
    connection = scheduler._session.database.connection
    connection.execute("UPDATE call SET result = (SELECT value FROM argument)")

    assert scheduler.run(inc(1)) == 2
    kinds = query(scheduler, "SELECT kind FROM job ORDER BY id")
    assert kinds == [(models.KIND_RUN,), (models.KIND_RUN,)]


def test_index_finds_calls_of_earlier_executions(scheduler: Scheduler):
    """Every call is found, whether it is in the index already or in the tail."""
    scheduler.run([inc(i) for i in range(30)])
    connection = scheduler._session.database.connection
    connection.execute("DELETE FROM call_index")
    connection.execute("UPDATE execution SET n_indexed = 0")
    scheduler.run([inc(i) for i in range(30)])
    scheduler.run([inc(i) for i in range(30)])

    ran = query(
        scheduler,
        "SELECT count(*) FROM job j JOIN task t ON t.id = j.task WHERE t.name = 'inc' AND kind = 0",
    )
    assert ran == [(30,)]


def reasons(scheduler: Scheduler, make) -> list[str]:
    """Run an expression and return the reasons on the lines of its jobs that ran."""
    from redunlite.reporter import RUN, SilentReporter

    class Listener(SilentReporter):
        def __init__(self):
            self.lines = []

        def wants_line(self, event, task):
            return event == RUN

        def job_line(self, line):
            self.lines.append(f"{line.task.rpartition('.')[2]}: {line.reason}")

    listener = scheduler._session.reporter = Listener()
    scheduler.run(make())
    return listener.lines


def test_reasons_compare_with_the_job_in_the_same_place(scheduler: Scheduler):
    """A changed argument, changed code and a cache that is off are told; a first time is not."""
    scheduler.run(1)
    assert reasons(scheduler, lambda: hello()) == ["hello: ", "get_planet: ", "greeter: "]
    assert reasons(scheduler, lambda: hello("Hi you")) == [
        "hello: greet: 'Hello there' → 'Hi you'",
        "greeter: greet: 'Hello there' → 'Hi you'",
    ]

    def edited():
        return "the Mars"

    edited.__qualname__ = "get_planet"  # in its place, as after an edit
    replacement = task(name="get_planet")(edited)
    lines = reasons(scheduler, lambda: hello())
    assert lines[0].startswith("get_planet: code changed: test_recorder.py:")
    assert lines[1].startswith("greeter: greet: 'Hi you' → 'Hello there'")
    assert get_task_registry().get(replacement.fullname) is replacement


def test_reason_of_an_argument_that_looks_as_before(scheduler: Scheduler):
    """Two long lists with one preview: it changed, and the preview is not printed twice."""

    @task(name="length")
    def length(numbers):
        return len(numbers)

    scheduler.run(3)
    reasons(scheduler, lambda: length([*range(5000), 1]))
    assert reasons(scheduler, lambda: length([*range(5000), 2])) == ["length: numbers changed"]


def test_reasons_of_siblings_take_one_scan(scheduler: Scheduler):
    """Each is compared with the one at its own rank, and their places are looked for together."""

    @task(name="plus")
    def plus(x, y):
        return x + y

    @task(name="both")
    def both(y):
        return [plus(i, y) for i in range(4)]

    scheduler.run(both(1))
    database = scheduler._session.database
    assert database is not None
    scans: list[str] = []
    database.connection.set_trace_callback(
        lambda sql: scans.append(sql) if "parent = " in sql else None
    )
    told = reasons(scheduler, lambda: both(2))
    database.connection.set_trace_callback(None)

    assert told == ["both: y: 1 → 2", *["plus: y: 1 → 2"] * 4]
    assert len(scans) == 1


def test_reason_of_a_job_whose_cache_is_off(scheduler: Scheduler):
    """A task that is never answered from an earlier run says so, from the second run on."""

    @task(cache=False)
    def again():
        return 1

    scheduler.run(2)
    assert reasons(scheduler, lambda: again()) == ["again: "]
    assert reasons(scheduler, lambda: again()) == ["again: cache off"]


def test_printed_ids_of_jobs_are_unique_in_an_execution():
    """The first 8 digits of 200,000 ids differ, and those of another execution are others."""
    made = []
    for _ in range(2):
        database = open_memory()
        recorder = RunRecorder(database, ValueStore(None))
        database.close()
        salts = [recorder.make_salt() for _ in range(200_000)]
        assert {len(salt) for salt in salts} == {8}
        made.append({salt[:4] for salt in salts})

    assert [len(heads) for heads in made] == [200_000, 200_000]
    assert len(made[0] & made[1]) < 1_000


def test_durations_are_those_of_the_latest_execution_that_ran_some():
    """Of any version of the task; not of one where all was cached, and not of this run."""
    database = open_memory()
    execute = database.connection.execute
    for row_id in (1, 2):
        execute(
            "INSERT INTO task (id, hash, name, namespace, params) VALUES (?, ?, 'f', 'a.b', '[]')",
            (row_id, bytes([row_id]) * 20),
        )
    counters = [(1, 1, 2, 10), (2, 2, 4, 100), (3, 2, 0, 0), (4, 2, 1, 7)]
    for execution, task_id, n_done, duration_us in counters:
        execute(
            "INSERT INTO counter (execution, task, n_running, n_failed, n_cached, n_done, n_cancelled, "
            "duration_us) VALUES (?, ?, 0, 0, 9, ?, 0, ?)",
            (execution, task_id, n_done, duration_us),
        )
    durations = Durations(database.connection, 4)

    assert durations.find_mean_us("a.b.f", []) == 25.0
    assert durations.find_mean_us("a.b.f", [(1, 8), (1, 8)]) == 25.0
    assert durations.find_mean_us("a.b.f", [(1, 8), (2, 7)]) == 5.0
    assert durations.find_mean_us("f", []) is None
    assert durations.find_mean_us("f", [(1, 8)]) == 8.0
    database.close()


def test_run_knows_the_durations_of_the_run_before(scheduler: Scheduler):
    """The mean over the jobs that ran, by the full name of their task."""
    scheduler.run(fan(3))
    database = scheduler._session.database
    assert database is not None
    recorder = RunRecorder(database, ValueStore(None))
    n_done, duration_us = query(
        scheduler, "SELECT n_done, duration_us FROM counter c JOIN task t ON t.id = c.task "
        "WHERE t.name = 'inc'"
    )[0]  # fmt: skip

    assert recorder.find_mean_us("test_recorder.inc") == duration_us / n_done
    assert recorder.find_mean_us("test_recorder.unheard_of") is None


def test_ids_of_jobs_tell_their_execution_and_rank():
    """By the UUID of the execution alone; another one's ids are far behind, or not its own at all."""
    uuid, other = make_uuid(), make_uuid()
    ids = JobIds(uuid)
    taken = [salt for n in (1, 512, 7) for salt in reversed(ids.take(n))]

    assert [JobIds(uuid).get_rank(salt[:4]) for salt in taken] == list(range(520))
    assert all(ids.is_one(salt) for salt in taken)
    assert not any(JobIds(other).is_one(salt) for salt in taken)
    assert make_job_uuid(taken[0], format_uuid(uuid))[19:] == format_uuid(uuid)[19:]


def test_reason_falls_back_to_the_call_with_these_arguments(scheduler: Scheduler):
    """A job with no place in the latest execution is compared with its own earlier call."""

    def make(n: int):
        @task(name="simulate", version=str(n))
        def simulate(seed):
            return seed + n

        return simulate

    first = make(1)
    scheduler.run(first(2))
    scheduler.run(first(3))
    wrapped = make(2)

    @task(name="around")
    def around(seed):
        return wrapped(seed)

    assert reasons(scheduler, lambda: around(2)) == ["around: ", "simulate: code changed: version"]
    assert reasons(scheduler, lambda: [wrapped(9)])[-1] == "simulate: seed: 2 → 9"
