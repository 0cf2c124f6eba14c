"""setup_scheduler: a function of the project makes the scheduler."""

from redun import Scheduler, task

redun_namespace = "set_up"


def setup_scheduler(config, name: str = "nobody", size: int = 1):
    """Make the scheduler; keywords come from the command line."""
    print(f"set up for {name!r} {size!r}")
    return Scheduler(config=config)


@task()
def main():
    return "ran"
