"""apply_tags: tags on values, jobs and executions, while the value goes on."""

from redun import apply_tags, task

redun_namespace = "tagging"


@task(tags=[("team", "blue")])
def inc(x: int) -> int:
    return x + 1


@task()
def marked(x: int):
    return apply_tags(inc(x), [("kind", "number"), ("size", {"n": 1})], job_tags=[("job", True)])


@task()
def main():
    return [
        marked(1),
        apply_tags([inc(2), 3], execution_tags=[("done", None)]),
        inc.options(tags=[("call", "yes")])(4),
        marked(1) + 1,
    ]
