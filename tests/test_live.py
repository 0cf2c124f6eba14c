"""What a run prints: job lines, the status table, tracebacks and the footer, on pipes and terminals."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
from collections.abc import Callable, Iterator

import pytest

from redunlite.call import ErrorDetail, Frame
from redunlite.display import live
from redunlite.display.live import ConsoleReporter, format_job_line
from redunlite.display.style import Style
from redunlite.display.tables import format_status, format_table
from redunlite.display.text import (
    cut,
    escape,
    escape_lines,
    format_arguments,
    format_command,
    format_elapsed,
)
from redunlite.reporter import (
    CACHED,
    CANCEL,
    REJECT,
    RUN,
    ExecutionEnd,
    ExecutionInfo,
    FailedJob,
    Failure,
    JobLine,
    TaskCounts,
    TraceStep,
)

UUID = "d1419df0-f954-4a33-8f5b-ff401856c137"


def make(**settings: bool) -> tuple[ConsoleReporter, Callable[[], list[str]]]:
    """Return a reporter on a stream in memory, and a function that gives the lines so far."""
    stream = io.StringIO()
    reporter = ConsoleReporter(stream, **settings)  # type: ignore[arg-type]
    return reporter, lambda: stream.getvalue().splitlines()


def run_line(task: str = "inc", **fields: str) -> JobLine:
    """Return the line of a job of `inc` that runs."""
    return JobLine(RUN, "c5a729dc", task, [("x", "1")], "default", **fields)


# Lines.


@pytest.mark.parametrize(
    "line, text",
    [
        (
            JobLine(RUN, "c5a729dc", "ns.main", [("greet", "'Hello'")], "default"),
            "Run    Job c5a729dc:  ns.main(greet='Hello') on default",
        ),
        (
            JobLine(RUN, "c5a729dc", "f", [], "io", reason="code changed: hello_world.py:10"),
            "Run    Job c5a729dc:  f() on io (code changed: hello_world.py:10)",
        ),
        (
            JobLine(CACHED, "fe387985", "f", [], eval_hash="047bd6b3" * 5),
            "Cached Job fe387985:  f() (eval_hash=047bd6b3)",
        ),
        (JobLine(REJECT, "5b632c7e", "ns.f", []), "*** Reject Job 5b632c7e:  ns.f():"),
        (JobLine(CANCEL, "5b632c7e", "ns.f", []), "Cancel Job 5b632c7e:  ns.f()"),
        (JobLine(RUN, "", "f", [], "", reason="cache off"), "Run    Job:  f() (cache off)"),
        (
            JobLine(RUN, "c5a729dc", "f", [("s", "'a\x1b[31m\n'")], "x"),
            "Run    Job c5a729dc:  f(s='a\\x1b[31m\\n') on x",
        ),
    ],
)
def test_job_line_has_the_layout_of_redun(line: JobLine, text: str) -> None:
    """Each event, with and without what may be missing."""
    assert format_job_line(line) == text


def test_long_arguments_are_cut() -> None:
    """Each value at 200 characters, and all of them somewhere."""
    one = format_arguments([("x", "9" * 1000)])
    many = format_arguments([(f"a{i}", "9" * 150) for i in range(100)])

    assert len(one) == 202
    assert one.endswith("…")
    assert len(many) < 1000
    assert many.endswith(", …")


def test_header_and_start_have_the_layout_of_redun() -> None:
    """Three lines, with the command as it can be typed again."""
    reporter, lines = make()

    reporter.header("0.1.0", "/a/.redunlite")
    reporter.execution_started(ExecutionInfo(UUID, ["run", "w.py", "main", "--s", "a b'c"], "/a"))

    assert lines() == [
        "[redunlite] redunlite :: version 0.1.0",
        "[redunlite] config dir: /a/.redunlite",
        f"[redunlite] Start Execution {UUID}:  redunlite run w.py main --s 'a b'\"'\"'c'",
    ]


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain é 日本", "plain é 日本"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
    ],
)
def test_escape_leaves_nothing_that_steers_a_terminal(text: str, shown: str) -> None:
    """Control characters, marks of direction and stray bytes become escapes."""
    assert escape(text) == shown
    assert escape(text).isprintable()


def test_text_helpers_do_what_they_say() -> None:
    """Cuts, lines, commands and times."""
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert escape_lines("a\tb\n\x1b\n") == ["a       b", "\\x1b"]
    assert format_command(["log", "-", "~2", ""]) == "redunlite log - ~2 ''"
    assert [format_elapsed(s) for s in (0, 67.9, 3723)] == ["0:00", "1:07", "1:02:03"]


# Which lines.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that the reporter sees, in seconds; set it by `clock[0] = …`."""
    now = [1000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    yield now


def test_first_lines_of_each_task_are_printed_at_any_rate(clock: list[float]) -> None:
    """Twenty of each, then twenty in this second over all tasks."""
    reporter, _ = make()

    wanted = {
        task: sum(reporter.wants_line(RUN, task) for _ in range(100)) for task in ("a", "b", "c")
    }

    assert wanted == {"a": 40, "b": 20, "c": 20}


def test_rate_is_counted_anew_each_second(clock: list[float]) -> None:
    """Another twenty in the next second; cached ones count too."""
    reporter, _ = make()
    for _ in range(100):
        reporter.wants_line(RUN, "a")

    clock[0] += 1.0

    assert sum(reporter.wants_line(CACHED, "a") for _ in range(100)) == 20


def test_hidden_lines_are_accounted_for_at_the_end(clock: list[float]) -> None:
    """The number that was left out, by task, before the table."""
    reporter, lines = make()
    for _ in range(9_914):
        reporter.wants_line(RUN, "inc")

    reporter.execution_ended(ExecutionEnd(UUID, "DONE", 1.0, {"inc": TaskCounts(done=9_914)}))

    assert lines()[0] == "[redunlite] … 9,874 more inc"
    assert lines()[1] == "[redunlite]"


def test_hidden_lines_are_accounted_for_every_ten_seconds(clock: list[float]) -> None:
    """A long run says now and then what it leaves out; each line counts once."""
    reporter, lines = make()
    for _ in range(50):
        reporter.wants_line(RUN, "inc")
    clock[0] += 11.0
    reporter.wants_line(RUN, "inc")
    first = list(lines())
    reporter.execution_ended(ExecutionEnd(UUID, "DONE", 1.0, {}))

    assert first == ["[redunlite] … 10 more inc"]
    assert not any("more inc" in line for line in lines()[1:])


def test_failures_are_always_printed(clock: list[float]) -> None:
    """No rate holds them back."""
    reporter, _ = make()

    assert all(reporter.wants_line(REJECT, "a") for _ in range(1000))


def test_verbose_prints_every_line_and_what_jobs_print(clock: list[float]) -> None:
    """All lines; the output of a job with the job's id, escaped."""
    reporter, lines = make(verbose=True)

    assert all(reporter.wants_line(RUN, "a") for _ in range(1000))
    assert reporter.live_output
    reporter.job_output("c5a729dc", "a", "one\n\x1b[2Jtwo\n")
    assert lines() == ["[redunlite] c5a729dc | one", "[redunlite] c5a729dc | \\x1b[2Jtwo"]


def test_quiet_prints_warnings_and_failures_only() -> None:
    """No header, no lines, no table; the traceback stays."""
    reporter, lines = make(quiet=True)

    reporter.header("0.1.0", "/a")
    reporter.execution_started(ExecutionInfo(UUID, [], None))
    assert not reporter.wants_line(RUN, "a")
    assert not reporter.wants_line(REJECT, "a")
    reporter.warning("beware")
    detail = ErrorDetail("ValueError: no", ())
    end = ExecutionEnd(UUID, "FAILED", 1.0, {}, Failure([], detail), "5b632c7e")
    reporter.execution_ended(end)

    assert lines() == [
        "[redunlite] beware",
        "[redunlite] *** Execution failed. Traceback (most recent task last):",
        "[redunlite] ValueError: no",
    ]


# The end.


def test_status_table_has_the_layout_of_redun() -> None:
    """The seed's table, character by character."""
    namespace = "redun.examples.hello_world"
    counts = {
        f"{namespace}.main": TaskCounts(failed=1),
        f"{namespace}.greeter": TaskCounts(pending=1),
        f"{namespace}.get_planet": TaskCounts(failed=1),
        "unused": TaskCounts(),
    }

    title, *lines = format_status(counts, at=1624001060)

    assert re.fullmatch(r"JOB STATUS \d{4}/\d\d/\d\d \d\d:\d\d:\d\d", title)
    assert lines == [
        "TASK                                  PENDING RUNNING  FAILED  CACHED    DONE   TOTAL",
        "",
        "ALL                                         1       0       2       0       0       3",
        "redun.examples.hello_world.get_planet       0       0       1       0       0       1",
        "redun.examples.hello_world.greeter          1       0       0       0       0       1",
        "redun.examples.hello_world.main             0       0       1       0       0       1",
    ]


def test_status_table_shows_cancelled_when_there_are_some() -> None:
    """One column more, before the total; wide numbers widen their column."""
    lines = format_status({"a": TaskCounts(done=12_345_678, cancelled=2)})

    assert lines[1] == "TASK PENDING RUNNING  FAILED  CACHED     DONE CANCELLED    TOTAL"
    assert lines[3] == "ALL        0       0       0       0 12345678         2 12345680"


def test_status_table_fits_the_terminal() -> None:
    """Names lose their beginnings; where that is not enough, columns of zeros go."""
    counts = {
        "lab.align": TaskCounts(done=12, cached=1),
        "lab.call_variants_of_one_sample": TaskCounts(failed=2),
    }

    assert format_status(counts, width=80)[4:] == [
        "lab.align                             0       0       0       1      12      13",
        "lab.call_variants_of_one_sample       0       0       2       0       0       2",
    ]
    assert format_status(counts, width=66)[4:] == [
        "…align                   0       0       0       1      12      13",
        "…nts_of_one_sample       0       0       2       0       0       2",
    ]
    assert format_status(counts, width=40)[1:] == [
        "TASK            FAILED CACHED DONE TOTAL",
        "",
        "ALL                  2      1   12    15",
        "…align               0      1   12    13",
        "…_of_one_sample      2      0    0     2",
    ]
    assert format_status(counts, width=78)[4].startswith("…align                            ")
    for width in range(33, 100):
        assert max(map(len, format_status(counts, width=width))) <= width
    assert re.fullmatch(r"JOB STATUS \d\d:\d\d:\d\d", format_status(counts, width=29)[0])
    assert format_status({"x" * 40: TaskCounts(done=1)}, width=30)[4] == f"…{'x' * 18}    1     1"


def test_status_table_is_painted_where_there_are_jobs() -> None:
    """Zeros, totals and names have no colour, and the columns stay where they are."""
    counts = {"a1": TaskCounts(failed=10, done=1)}

    plain = format_status(counts, at=0)
    painted = format_status(counts, at=0, style=Style(True))

    assert painted[4] == (
        "a1         0       0      \x1b[31m10\x1b[0m       0       \x1b[32m1\x1b[0m      11"
    )
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in painted] == plain


def test_status_table_of_nothing_has_its_header() -> None:
    """No job at all."""
    assert format_status({})[-1].split() == ["ALL", "0", "0", "0", "0", "0", "0"]


def test_tables_show_cells_as_they_are() -> None:
    """What looks like a number stays as it is written: ids are not numbers."""
    assert format_table([["1e10", "00112233"], ["a", "1"]], "lr") == [
        "1e10 00112233",
        "a           1",
    ]


def step(number: int, task: str = "ns.f") -> TraceStep:
    """Return a job of a traceback."""
    return TraceStep(f"{number:08x}", task, "/a/w.py", 3, "def f(n):", [("n", str(number))])


def test_failure_has_the_traceback_of_redun() -> None:
    """A frame for each job with its arguments, the user's own frames, the error, the next steps."""
    reporter, lines = make()
    steps = [
        TraceStep("bb320628", "ns.main", "/a/w.py", 19, "def main(greet):", [("greet", "'Hello'")]),
        TraceStep("5b632c7e", "ns.get_planet", "/a/w.py", 8, "def get_planet():", []),
    ]
    frames = (Frame("/a/w.py", 9, "get_planet", "x = 1 / 0"),)
    failure = Failure(steps, ErrorDetail("ZeroDivisionError: division by zero", frames))

    reporter.execution_ended(ExecutionEnd(UUID, "FAILED", 0.1, {}, failure, "5b632c7e"))

    assert lines()[-12:] == [
        "[redunlite]",
        "[redunlite] *** Execution failed. Traceback (most recent task last):",
        '[redunlite]   Job bb320628: File "/a/w.py", line 19, in main',
        "[redunlite]     def main(greet):",
        "[redunlite]     greet = 'Hello'",
        '[redunlite]   Job 5b632c7e: File "/a/w.py", line 8, in get_planet',
        "[redunlite]     def get_planet():",
        '[redunlite]   File "/a/w.py", line 9, in get_planet',
        "[redunlite]     x = 1 / 0",
        "[redunlite] ZeroDivisionError: division by zero",
        "[redunlite] inspect: redunlite log 5b632c7e",
        "[redunlite] details: redunlite log d1419df0",
    ]
    assert reporter.status == "FAILED"


def test_long_job_traceback_folds_its_middle() -> None:
    """The first and the last eight jobs, and how many more there were."""
    reporter, lines = make(quiet=True)
    failure = Failure([step(i) for i in range(50_000)], ErrorDetail("E", ()))

    reporter.execution_ended(ExecutionEnd(UUID, "FAILED", 0.1, {}, failure))

    jobs = [line for line in lines() if "Job" in line]
    assert len(jobs) == 16
    assert "[redunlite]   … 49,984 more `f` …" in lines()
    assert "    n = 7" in lines()[lines().index("[redunlite]   … 49,984 more `f` …") - 1]


def test_debug_shows_all_frames() -> None:
    """The engine's own too, when asked."""
    own, everything = Frame("/a/w.py", 1, "f", "x"), Frame("/lib/engine.py", 2, "g", "y")
    failure = Failure([], ErrorDetail("E", (own,), (everything, own)))

    for debug in (False, True):
        reporter, lines = make(debug=debug)
        reporter.execution_ended(ExecutionEnd(UUID, "FAILED", 0.1, {}, failure))

        assert any("/lib/engine.py" in line for line in lines()) is debug


def test_death_of_a_worker_shows_its_last_output() -> None:
    """Escaped, below the error."""
    reporter, lines = make()
    failure = Failure([], ErrorDetail("WorkerDiedError: SIGSEGV", ()), "loading\n\x1b[0m")

    reporter.execution_ended(ExecutionEnd(UUID, "FAILED", 0.1, {}, failure))

    assert "[redunlite] last output of the job:" in lines()
    assert "[redunlite]   \\x1b[0m" in lines()


def test_first_failure_is_told_while_others_run() -> None:
    """The failure's own frames at once, under the job's name, and what happens next."""
    reporter, lines = make()

    frames = (Frame("/a/w.py", 4, "f", "raise"),)
    failure = Failure([step(1)], ErrorDetail("ValueError: no", frames))

    reporter.first_failure(failure, 3)

    told = [
        "[redunlite] *** Job 00000001 ns.f failed:",
        '[redunlite]   File "/a/w.py", line 4, in f',
        "[redunlite]     raise",
        "[redunlite] ValueError: no",
    ]
    assert lines() == [*told, "[redunlite] 1 failed; 3 running will finish, Ctrl-C to stop now"]

    reporter.first_failure(failure, None)

    assert lines()[5:] == [
        *told,
        "[redunlite] 1 failed; what does not depend on it goes on, Ctrl-C to stop now",
    ]


def test_other_failures_are_named_below_the_traceback() -> None:
    """One line each, with arguments and error; of very many the first, and how to see the rest."""
    reporter, lines = make()
    others = [
        FailedJob("8d3b16fa", "ns.bad", [("x", "2")], "KeyError: 2\n(caused by ValueError: no)"),
        FailedJob("7f4b35ee", "ns.bad", [("x", "\x1b")], "ValueError: late"),
    ]
    end = ExecutionEnd(
        UUID, "FAILED", 1.0, {}, Failure([step(1)], ErrorDetail("KeyError: 1", ())), "00000001",
        others, 100,
    )  # fmt: skip

    reporter.execution_ended(end)

    assert lines()[-7:] == [
        "[redunlite] KeyError: 1",
        "[redunlite] *** 100 more failed:",
        "[redunlite]   Job 8d3b16fa: ns.bad(x=2): KeyError: 2",
        "[redunlite]   Job 7f4b35ee: ns.bad(x=\\x1b): ValueError: late",
        "[redunlite]   all of them: redunlite log d1419df0 --failed",
        "[redunlite] inspect: redunlite log 00000001",
        "[redunlite] details: redunlite log d1419df0",
    ]


@pytest.mark.parametrize(
    "status, n_would_run, line",
    [
        ("DRY", 1, "Dry run: 1 job would run; more may follow from their results."),
        ("DRY", 1200, "Dry run: 1,200 jobs would run; more may follow from their results."),
        ("DONE", 0, "Dry run: everything is cached."),
    ],
)
def test_dry_run_says_that_nothing_was_written(status: str, n_would_run: int, line: str) -> None:
    """Without an execution there is no id to look at."""
    reporter, lines = make()

    reporter.execution_started(ExecutionInfo("", ["run", "w.py", "main", "-n"], None))
    reporter.execution_ended(ExecutionEnd("", status, 0.1, {}, n_would_run=n_would_run))

    assert lines()[0] == "[redunlite] Dry run:  redunlite run w.py main -n"
    assert lines()[-2:] == [f"[redunlite] {line}", "[redunlite] Nothing was run or written."]
    assert not any("redunlite log" in line for line in lines())


def test_next_step_repeats_the_folder_that_was_named() -> None:
    """With `-c`, the proposed command finds the same database."""
    stream = io.StringIO()
    reporter = ConsoleReporter(stream, program="redunlite -c there")

    reporter.execution_ended(ExecutionEnd(UUID, "DONE", 0.1, {}))

    assert "details: redunlite -c there log d1419df0\n" in stream.getvalue()


# Streams.


class Screen:
    """A terminal of some width, and what is written to it."""

    MARK = "\x00mark\x00"

    def __init__(self, columns: int) -> None:
        import fcntl
        import termios

        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.stream = os.fdopen(slave, "w", encoding="utf-8")

    def resize(self, columns: int) -> None:
        """Give the terminal another width."""
        import fcntl
        import termios

        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self) -> str:
        """Return what was written since the last look; a mark tells where that ends."""
        self.stream.write(self.MARK)
        self.stream.flush()
        data = b""
        while not data.endswith(self.MARK.encode()):
            data += os.read(self._master, 1 << 16)
        return data.decode().removesuffix(self.MARK)

    def close(self) -> None:
        """Close both ends."""
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Screen]]:
    """Makes terminals that understand cursor codes."""
    monkeypatch.setenv("TERM", "xterm")
    made: list[Screen] = []

    def make_screen(columns: int) -> Screen:
        made.append(Screen(columns))
        return made[-1]

    yield make_screen
    for one in made:
        one.close()


COUNTS = {"ns.inc": TaskCounts(running=2, done=9_874, cached=1), "ns.main": TaskCounts(pending=1)}


@pytest.mark.parametrize("columns", [80, 40, 10, 1])
def test_footer_is_one_line_of_the_terminal(
    screen: Callable[[int], Screen], clock: list[float], columns: int
) -> None:
    """Never as wide as the terminal, which would begin a second line, also when it echoes ``^C``."""
    terminal = screen(columns)
    reporter = ConsoleReporter(terminal.stream)
    clock[0] += 65

    reporter.progress(COUNTS, ["ns.inc", "ns.inc"], None)

    drawn = terminal.read().removeprefix(live.ERASE_LINE)
    assert len(drawn) < columns
    assert len(drawn) + len("^C") < columns or columns < 10
    assert (
        drawn
        == {
            80: "[redunlite] 1:05  2 running, 1 pending, 1 cached, 9,874 done: inc x2",
            40: "1:05 2 run 1 wait 1 cached 9874 done",
            10: "1:05...",
            1: "",
        }[columns]
    )


def test_footer_that_a_narrower_terminal_has_broken_is_erased(
    screen: Callable[[int], Screen], clock: list[float]
) -> None:
    """All of its lines, and it is drawn anew to fit."""
    terminal = screen(80)
    reporter = ConsoleReporter(terminal.stream)
    reporter.progress(COUNTS, ["ns.inc", "ns.inc"], None)
    assert len(terminal.read().removeprefix(live.ERASE_LINE)) == 68
    terminal.resize(30)
    clock[0] += 1

    reporter.progress(COUNTS, [], None)

    assert terminal.read() == "\r\x1b[2A\x1b[J0:01 2 run 1 wait 1 cach..."
    reporter.close()
    assert terminal.read() == live.ERASE_LINE


def test_footer_is_erased_before_lines_and_at_the_end(
    screen: Callable[[int], Screen], clock: list[float]
) -> None:
    """A permanent line takes its place; it stands again below; nothing of it is left."""
    terminal = screen(80)
    reporter = ConsoleReporter(terminal.stream)
    reporter.progress(COUNTS, [], None)
    footer = terminal.read().removeprefix(live.ERASE_LINE)

    reporter.job_line(run_line())
    line = terminal.read()
    reporter.execution_ended(ExecutionEnd(UUID, "DONE", 1.0, {}))
    end = terminal.read()
    reporter.close()
    reporter.progress(COUNTS, [], None)
    reporter.warning("last")

    assert line == (
        f"{live.ERASE_LINE}[redunlite] Run    Job c5a729dc:  inc(x=1) on default\n{footer}"
    )
    assert end.startswith(f"{live.ERASE_LINE}[redunlite]\n")
    assert "running" not in end
    assert terminal.read() == "[redunlite] last\n"


def test_footer_is_redrawn_at_most_ten_times_a_second(
    screen: Callable[[int], Screen], clock: list[float]
) -> None:
    """A hundred reports in one second draw ten times."""
    terminal = screen(80)
    reporter = ConsoleReporter(terminal.stream)

    for i in range(100):
        clock[0] = 1000 + i / 100
        reporter.progress({"a": TaskCounts(done=i)}, [], None)

    assert 5 <= terminal.read().count(live.ERASE_LINE) <= 10


def test_footer_needs_a_terminal_that_can_draw_it(
    screen: Callable[[int], Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None on a pipe, on a dumb terminal, or when quiet."""
    assert ConsoleReporter(screen(80).stream).wants_progress
    assert not ConsoleReporter(screen(80).stream, quiet=True).wants_progress
    assert not ConsoleReporter(io.StringIO()).wants_progress
    monkeypatch.setenv("TERM", "dumb")
    assert not ConsoleReporter(screen(80).stream).wants_progress


def test_pipe_gets_no_cursor_codes(clock: list[float]) -> None:
    """Off a terminal, lines only."""
    reporter, lines = make()

    reporter.progress(COUNTS, ["ns.inc"], None)
    reporter.job_line(run_line())
    reporter.execution_ended(ExecutionEnd(UUID, "DONE", 1.0, COUNTS))

    assert "\x1b" not in "".join(lines())
    assert "\r" not in "".join(lines())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_full_or_closed_stream_ends_nothing() -> None:
    """A reporter never raises; a stream that failed is given up."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        reporter = ConsoleReporter(full)
        reporter.warning("one")
        reporter.execution_ended(ExecutionEnd(UUID, "DONE", 1.0, {}))
    closed = io.StringIO()
    closed.close()
    ConsoleReporter(closed).warning("two")
    ConsoleReporter(None).warning("three")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        ConsoleReporter(broken).warning("four")


def test_ascii_stream_gets_escapes() -> None:
    """A strict ASCII stream is written in spite of what it cannot show."""
    raw = io.BytesIO()
    reporter = ConsoleReporter(io.TextIOWrapper(raw, encoding="ascii"))

    reporter.warning("café")

    assert raw.getvalue() == b"[redunlite] caf\\xe9\n"


def test_table_does_not_import_package_metadata() -> None:
    """Tabulate's wish to know its own version costs a third of a short run."""
    import subprocess

    code = (
        "import sys\n"
        "from redunlite.display.tables import format_status\n"
        "from redunlite.reporter import TaskCounts\n"
        "lines = format_status({'a': TaskCounts(done=1)})\n"
        "assert len(lines) == 5, lines\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "import importlib.metadata\n"
        "assert importlib.metadata.version('tabulate')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
