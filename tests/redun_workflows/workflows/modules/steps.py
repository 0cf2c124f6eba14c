"""Tasks of the workflow."""

from redun import task

from words import split_words

redun_namespace = "modules.steps"


@task()
def clean(text: str) -> str:
    return text.strip()


@task()
def count(text: str) -> int:
    return len(split_words(text))
