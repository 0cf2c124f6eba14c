"""The one blocking wait: descriptors, timers, wake-ups."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from redunlite.waits import Waits


@pytest.fixture
def waits() -> Iterator[Waits]:
    """A wait with nothing in it."""
    made = Waits()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: where to read, where to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_wait_calls_back_for_a_readable_descriptor(waits: Waits, pipe: tuple[int, int]) -> None:
    """What is written is read in the callback, once."""
    found: list[bytes] = []
    waits.watch(pipe[0], on_read=lambda: found.append(os.read(pipe[0], 10)))
    waits.wait(0)
    os.write(pipe[1], b"x")
    waits.wait(None)
    waits.wait(0)

    assert found == [b"x"]


def test_watch_replaces_what_was_watched(waits: Waits, pipe: tuple[int, int]) -> None:
    """The last callbacks are the ones that count, and none means none."""
    found: list[str] = []
    waits.watch(pipe[1], on_write=lambda: found.append("first"))
    waits.watch(pipe[1], on_write=lambda: found.append("second"))
    waits.wait(None)
    waits.watch(pipe[1])
    waits.wait(0)

    assert found == ["second"]


def test_callback_may_unwatch_another_that_is_due(waits: Waits) -> None:
    """A descriptor that a callback has given up gets no callback in the same wait."""
    pipes = [os.pipe(), os.pipe()]
    found: list[int] = []

    def take(i: int) -> None:
        found.append(i)
        for read, _ in pipes:
            waits.unwatch(read)

    for i, (read, write) in enumerate(pipes):
        waits.watch(read, on_read=lambda i=i: take(i))  # type: ignore[misc]
        os.write(write, b"x")
    waits.wait(None)
    for ends in pipes:
        for end in ends:
            os.close(end)

    assert len(found) == 1


def test_unwatch_of_a_stranger_does_nothing(waits: Waits, pipe: tuple[int, int]) -> None:
    """A descriptor that was never watched may be given up."""
    waits.unwatch(pipe[0])
    waits.wait(0)


def test_timers_run_in_the_order_of_their_times(waits: Waits) -> None:
    """The earliest comes first; equal ones in the order they were made."""
    found: list[int] = []
    waits.call_after(0.02, lambda: found.append(3))
    waits.call_after(0.0, lambda: found.append(1))
    waits.call_after(0.0, lambda: found.append(2))
    while len(found) < 3:
        waits.wait(None)

    assert found == [1, 2, 3]


def test_cancelled_timer_does_not_run(waits: Waits) -> None:
    """A withdrawn appointment neither runs nor keeps the wait."""
    found: list[int] = []
    waits.call_after(0.0, lambda: found.append(1)).cancel()
    waits.call_after(0.001, lambda: found.append(2))
    while not found:
        waits.wait(None)

    assert found == [2]


def test_timer_may_make_a_timer(waits: Waits) -> None:
    """A timer that is made by another one runs in a later wait."""
    found: list[int] = []

    def begin() -> None:
        found.append(1)
        waits.call_after(0.0, lambda: found.append(2))

    waits.call_after(0.0, begin)
    while len(found) < 2:
        waits.wait(None)

    assert found == [1, 2]


def test_wake_from_another_thread_ends_the_wait(waits: Waits) -> None:
    """A wait for ever ends when another thread says so."""
    thread = threading.Thread(target=waits.wake)
    thread.start()
    waits.wait(None)
    thread.join()


def test_many_wakes_are_one(waits: Waits) -> None:
    """Waking never blocks, and leaves nothing behind."""
    for _ in range(100_000):
        waits.wake()
    waits.wait(None)
    found: list[int] = []
    waits.call_after(0.001, lambda: found.append(1))
    waits.wait(None)

    assert found == [1]
