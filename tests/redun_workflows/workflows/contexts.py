"""Context variables: from the run, from a call, as a default, as an option."""

from redun import get_context, task
from redun.context import get_context_value

redun_namespace = "contexts"


@task()
def show(memory=get_context("machine.memory", 1), name=get_context("name", "nobody")):
    return [memory, name]


@task()
def below():
    return show()


@task()
def here():
    return [get_context("name"), get_context("machine"), get_context("machine.none", "default")]


@task()
def main():
    return [
        show(),
        below(),
        below.update_context({"machine": {"memory": 8}})(),
        below.update_context(name="call")(),
        show.update_context({"machine": {"disk": 2}}, name="merged")(),
        below.update_context(name="first").update_context({"machine": {"memory": 3}})(),
        show(memory=5),
        here(),
        here.update_context(machine={"memory": 7, "extra": {"a": 1}})(),
        get_context_value({"a": {"b": 2}}, "a.b", None),
        get_context_value({"a": 1}, "a.b", "missing"),
    ]
