"""The lines of a dataflow, in redun's layout.

Decided here: arrows, alignment and how much of a value is shown. No state.
"""

from __future__ import annotations

from collections.abc import Iterator

from redunlite.display.text import cut, escape, measure, pad
from redunlite.display.tree import ID_WIDTH, VALUE_WIDTH
from redunlite.history.dataflow import ARGUMENT, DERIVES, ORIGIN, VARIABLE, Dataflow, Section, Step


def format_dataflow(dataflow: Dataflow) -> Iterator[str]:
    """Yield the lines of a dataflow, with a blank one after each section."""
    yield f"{dataflow.name} = {escape(cut(dataflow.value.preview, VALUE_WIDTH))}"
    yield ""
    for section in dataflow.sections:
        yield from _format_section(section)
        yield ""


def _format_section(section: Section) -> Iterator[str]:
    if section.n_folded:
        yield f"… {section.n_folded:,} more {escape(section.folded_task)} …"
        return
    name = escape(section.name)
    before = name
    for step in section.steps:
        if step.n_left_out:
            yield f"{before} <-- … {step.n_left_out:,} more …"
            before = " " * measure(name)
        yield f"{before} <-- {_format_step(step)}"
        before = " " * measure(name)
    width = max((measure(escape(variable.name)) for variable in section.variables), default=0)
    for variable in section.variables:
        value = variable.value
        shown = escape(cut(value.preview, VALUE_WIDTH))
        yield f"  {pad(escape(variable.name), width)} = <{value.hash[:ID_WIDTH]}> {shown}"
    if section.n_more:
        yield f"  … {section.n_more:,} more"


def _format_step(step: Step) -> str:
    if step.kind == ORIGIN:
        return "origin"
    if step.kind == DERIVES:
        return "derives from"
    shown = f"<{step.call_hash[:ID_WIDTH]}> {escape(step.task)}"
    if step.kind == VARIABLE:
        return shown
    call = f"{shown}({', '.join(map(escape, step.params))})"
    return f"argument of {call}" if step.kind == ARGUMENT else call
