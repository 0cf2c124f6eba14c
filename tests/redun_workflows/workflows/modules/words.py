"""Helpers without tasks."""


def split_words(text: str) -> list:
    return text.split()
