"""Namespaces: of the module, of the decorator, of the process; one task in none."""

from redun import get_current_namespace, namespace, task

redun_namespace = "lab.reads"


@task()
def of_module() -> str:
    return of_module.fullname


@task(namespace="other")
def of_decorator() -> str:
    return of_decorator.fullname


@task(namespace="")
def of_none() -> str:
    return of_none.fullname


@task(name="short", namespace="deep.er.still")
def of_depth() -> str:
    return ".".join([of_depth.namespace, of_depth.name])


namespace("ignored.here")
CURRENT = get_current_namespace()


@task()
def after_call() -> str:
    return after_call.fullname


namespace()


@task()
def main():
    return [of_module(), of_decorator(), of_none(), of_depth(), after_call(), CURRENT]
