"""Docstrings of three styles: what a function does, and a line for each parameter."""

from __future__ import annotations

import pytest

from redunlite.cli.docstrings import parse_docstring

NUMPY = """Greet someone.

    Loudly, and
    twice.

    Parameters
    ----------
    name : str, optional
        Who is greeted,
        by name.

        More about names.
    a, b : int
        Two numbers.
    **more
        The rest.

    Returns
    -------
    str
        name : not a parameter
    """

GOOGLE = """Greet someone.

    Loudly, and
    twice.

    Args:
        name (str, optional): Who is greeted,
            by name.

            More about names.
        a, b: Two numbers.
        **more (dict[str, int]): The rest.

    Returns:
        other: not a parameter.

    Raises:
        ValueError: Never.
    """

REST = """Greet someone.

    Loudly, and
    twice.

    :param name: Who is greeted,
        by name.
    :param int a: Two numbers.
    :param b: Two numbers.
    :type b: int
    :keyword more: The rest.
    :returns: other: not a parameter
    :raises ValueError: never
    """


@pytest.mark.parametrize("doc", [NUMPY, GOOGLE, REST], ids=["numpy", "google", "rest"])
def test_styles_are_read(doc: str) -> None:
    """The same text and the same lines, whatever the style."""
    found = parse_docstring(doc)

    assert found.text == "Greet someone.\n\nLoudly, and\ntwice."
    assert found.summary == "Greet someone."
    assert found.parameters == {
        "name": "Who is greeted, by name.",
        "a": "Two numbers.",
        "b": "Two numbers.",
        "more": "The rest.",
    }


@pytest.mark.parametrize(
    "doc, text, parameters",
    [
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("Note: this is text.", "Note: this is text.", {}),
        ("Args:\n\nnothing indented", "Args:\n\nnothing indented", {}),
        ("Do.\n\nArgs:\n    x:\n", "Do.", {}),
        ("Do.\n\nParameters\n----------\n", "Do.", {}),
        ("Do.\n\nExample\n-------\n>>> f(x: 1)\n", "Do.", {}),
        ("Do.\n\n:param x: A\n:param y: B", "Do.", {"x": "A", "y": "B"}),
        ("Do.\n\n* a point\n* another", "Do.\n\n* a point\n* another", {}),
        ("Do.\n\nArgs:\n  x: A.\n\nMore text.\n", "Do.", {"x": "A."}),
    ],
)
def test_what_is_no_section_is_text(doc: str, text: str, parameters: dict[str, str]) -> None:
    """Empty sections, colons in prose, and lists break nothing."""
    found = parse_docstring(doc)

    assert (found.text, found.parameters) == (text, parameters)
