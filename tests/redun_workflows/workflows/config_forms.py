"""A configuration with values over several lines, names in values, comments and defaults."""

import os

from redun import get_context, task
from redun.config import Config
from redun.scheduler import Scheduler

redun_namespace = "config_forms"

def setup_scheduler(config: Config, greeting: str = "none") -> Scheduler:
    """Read the configuration as a dict of sections."""
    executors = config["executors"]
    assert executors["pool"]["max_workers"] == "2"
    assert executors["pool"].getint("max_workers") == 2
    assert config.get("nosuch", {}) == {}
    assert config.get("tags")["owner"] == "team-7"
    assert "scheduler" in config
    os.environ["MAIN_PID"] = str(os.getpid())
    return Scheduler(config=config)


@task()
def show(memory: int, names: list[str], text: str) -> list:
    """Give the variables back."""
    return [memory, names, text]


@task(executor="pool")
def is_elsewhere() -> bool:
    """Tell whether the job is in another process."""
    return str(os.getpid()) != os.environ["MAIN_PID"]


@task(executor="threads", limits=["database"])
def is_here() -> bool:
    """Tell whether the job is in the process of the scheduler."""
    return str(os.getpid()) == os.environ["MAIN_PID"]


@task()
def places() -> list:
    """Tell where jobs run."""
    return [is_elsewhere(), is_here()]


@task()
def main() -> list:
    """Show what the configuration says."""
    return [
        show(
            get_context("machine.memory"),
            get_context("machine.names"),
            get_context("text"),
        ),
        get_context("machine.nosuch", "default"),
        places(),
    ]
