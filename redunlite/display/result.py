"""The result of a run as text, whatever its classes do while they are shown.

Decided here: how a result is broken into lines, and what stands for a part that cannot be shown. Not
here: previews (`preview`), where the text goes (`cli.run`). No state.

>>> format_result({"b": 1, "a": [2, 3]})
ShownResult(text="{'b': 1, 'a': [2, 3]}", trouble='')
>>> class Shy:
...     def __repr__(self):
...         raise ValueError("not now")
>>> format_result([1, Shy()])
ShownResult(text='[1, <Shy object>]', trouble='ValueError: not now')
"""

from __future__ import annotations

from typing import Any, NamedTuple

from redunlite.preview import format_preview

SHORT_WIDTH = 80
"""Characters of a scalar that is shown without the pretty-printer."""
PREVIEW_WIDTH = 4000
"""Characters of a result that only a preview can show."""
_DEEP = 20
"""Containers within one another from which on it is they that are too deep, and no `__repr__`."""


class ShownResult(NamedTuple):
    """A result as it is printed."""

    text: str
    trouble: str = ""
    """Why a part of it could not be shown, as ``ValueError: no``; empty when all of it was."""


def format_result(result: Any) -> ShownResult:
    """Return a result as Python would write it, broken into lines where it is long.

    A part whose `__repr__` fails, or that has more digits than Python writes, is shown by its
    preview; so is the whole where the pretty-printer cannot be helped otherwise.
    """
    try:
        return ShownResult(_format_whole(result))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a `__repr__` is the user's, and may raise anything
        return _format_parts(result, error)


def _format_whole(result: Any) -> str:
    if type(result) in (str, int, float, bool):  # without the import, a tenth of a short run
        text = repr(result)
        if len(text) <= SHORT_WIDTH:
            return text
    import pprint

    return pprint.pformat(result, sort_dicts=False)


def _format_parts(result: Any, trouble: BaseException) -> ShownResult:
    import pprint

    from redunlite.tracebacks import get_headline, summarize_exception

    class PartsPrinter(pprint.PrettyPrinter):
        """Shows a part that fails by its preview."""

        def format(
            self, object: Any, context: dict[int, int], maxlevels: int, level: int
        ) -> tuple[str, bool, bool]:
            """Return the text of a part, whether Python can read it, and whether it holds itself."""
            try:
                return super().format(object, context, maxlevels, level)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # as above
                if isinstance(error, RecursionError) and level > _DEEP:
                    raise
                return format_preview(object), False, False

    try:
        text = PartsPrinter(sort_dicts=False).pformat(result)
    except KeyboardInterrupt:
        raise
    except BaseException:  # as above
        text = format_preview(result, PREVIEW_WIDTH)
    return ShownResult(text, get_headline(summarize_exception(trouble)))
