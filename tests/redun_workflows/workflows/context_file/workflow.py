"""Context variables from the configuration, from a file and from the command line."""

from redun import get_context, task

redun_namespace = "context_file"


@task()
def main():
    return [get_context("name"), get_context("machine.memory"), get_context("machine.disk", 0)]
