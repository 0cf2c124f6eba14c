"""A workflow in several files: tasks and helpers are imported from modules beside it."""

from redun import task

from steps import clean, count

redun_namespace = "modules"


@task()
def main(text: str = " some words here "):
    return {"clean": clean(text), "count": count(clean(text))}
