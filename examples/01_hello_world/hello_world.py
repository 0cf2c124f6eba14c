"""The first workflow: two tasks whose results make a third one's arguments."""

from redunlite import task

redun_namespace = "redunlite.examples.hello_world"


@task()
def get_planet() -> str:
    """Name the planet to greet."""
    return "World"


@task()
def greeter(greet: str, thing: str) -> str:
    """Put a greeting together."""
    return f"{greet}, {thing}!"


@task()
def main(greet: str = "Hello") -> str:
    """Greet the planet."""
    return greeter(greet, get_planet())
