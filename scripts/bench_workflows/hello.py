"""The hello-world workflow, for the time of the whole process."""

try:
    from redunlite import task
except ImportError:
    from redun import task

redun_namespace = "bench.hello"


@task()
def get_planet() -> str:
    return "World"


@task()
def greeter(greet: str, thing: str) -> str:
    return f"{greet}, {thing}!"


@task()
def main(greet: str = "Hello") -> str:
    return greeter(greet, get_planet())
