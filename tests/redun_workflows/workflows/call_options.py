"""Options of a call, and options that all calls below inherit."""

from redun import task
from redun.scheduler import JobInfo

redun_namespace = "call_options"


@task(tags=[("from", "decorator")], priority=1)
def show(tag: str, info: JobInfo = JobInfo()):
    options = info.options
    return [tag, options.get("priority"), options.get("memory")]


@task()
def below(tag: str):
    return show(tag)


@task()
def far_below(tag: str):
    return below(tag)


@task()
def own_option(tag: str):
    return show.options(memory=9)(tag)


@task(export_options={"memory": 5})
def exporting(tag: str):
    return below(tag)


@task()
def add(x: int, y: int = 1) -> int:
    return x + y


@task()
def main():
    return [
        show("plain"),
        show.options(memory=2)("call"),
        show.options(memory=2, priority=3)("both"),
        show.options(memory=2).options(memory=4)("last wins"),
        below.options(memory=2)("not inherited"),
        below.export_options(memory=3)("inherited"),
        far_below.export_options(memory=3, priority=7)("far"),
        own_option.export_options(memory=3)("own wins"),
        exporting("decorator exports"),
        add.options(cache=False)(1),
        add.options(cache_scope="NONE")(2, y=3),
    ]
