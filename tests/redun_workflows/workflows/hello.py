"""The first workflow of everybody: three tasks, one of them with an argument of its own."""

from redun import task

redun_namespace = "hello"


@task()
def get_planet() -> str:
    """Name the planet to greet."""
    return "World"


@task()
def greeter(greet: str, thing: str) -> str:
    """Put a greeting together."""
    return "{}, {}!".format(greet, thing)


@task()
def main(greet: str = "Hello") -> str:
    """Greet the planet."""
    return greeter(greet, get_planet())
