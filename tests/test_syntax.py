"""Normal forms of source, and the outside names in it."""

from __future__ import annotations

import ast

import pytest

from redunlite.syntax import find_assignments, find_uses, normal_form


def parse(text: str) -> ast.AST:
    """Return the first statement of a text."""
    return ast.parse(text).body[0]


SAME = [
    ("x = 'a' 'b'", 'x = "ab"'),
    ("x = 0x10", "x = 16"),
    ("x = 1_000", "x = 1000"),
    ("x = 1e3", "x = 1000.0"),
    ("x = f'a' 'b'", "x = 'ab'"),
    ("x = f'a{y}' f'b' 'c'", "x = f'a{y}bc'"),
    ("x = f'{y:>{w}}'", 'x = f"{y:>{w}}"'),
    ("x = u'a'", "x = 'a'"),
    ("x = (1)", "x = 1  # one"),
    ("x = [1,\n2]", "x = [1, 2]"),
    ("def f(): return 1", "def f():\n    'doc'\n    return 1"),
    ("class C:\n    'doc'\n    x = 1", "class C:\n\n    x = 1"),
    ("def f(x): # type: (int) -> int\n    return x", "def f(x): return x"),
]


@pytest.mark.parametrize("one,other", SAME)
def test_notation_does_not_count(one, other):
    """Quotes, notation of numbers, joined strings, layout and docstrings leave the form alone."""
    assert normal_form(parse(one)) == normal_form(parse(other))


DIFFERENT = [
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = 0.0", "x = -0.0"),
    ("x = 'a'", "x = b'a'"),
    ("x = None", "x = ..."),
    ("x = f'{y}'", "x = f'{y!r}'"),
    ("x = f'{y}'", "x = y"),
    ("x = f'{y:>3}'", "x = f'{y:<3}'"),
    ("def f(a, b): pass", "def f(a, *, b): pass"),
    ("def f(a, /, b): pass", "def f(a, b): pass"),
    ("def f(): pass", "async def f(): pass"),
    ("def f(a: int): pass", "def f(a): pass"),
    ("def f(a=1, *, b): pass", "def f(a, *, b=1): pass"),
    ("x = {**a, 'b': 1}", "x = {'b': 1, **a}"),
    ("x = a < b < c", "x = (a < b) < c"),
    ("from a import b", "from .a import b"),
    ("x = ['a', 'b']", "x = ['a b']"),
    ("x = '1:a'", "x = 's3:1:a'"),
    ("match x:\n    case None: pass", "match x:\n    case True: pass"),
    ("'text'", "pass"),
]


@pytest.mark.parametrize("one,other", DIFFERENT)
def test_meaning_counts(one, other):
    """What changes the meaning changes the form."""
    assert normal_form(parse(one)) != normal_form(parse(other))


def test_number_beyond_decimal_digits_has_a_form():
    """A number of more digits than Python converts to decimal text is no error."""
    assert normal_form(parse("x = 0x" + "f" * 10_000)).endswith(b"f )")


def test_deep_expression_has_a_form():
    """Nesting costs memory, not recursion."""
    node: ast.expr = ast.Name("x", ast.Load())
    for _ in range(50_000):
        node = ast.UnaryOp(ast.Not(), node)

    assert normal_form(node).count(b"UnaryOp") == 50_000
    assert [u.name for u in find_uses(node).uses] == ["x"]


USES = [
    ("def f(a): return a + g(b.c.d)", ["g", "b.c.d"]),
    ("def f(a=x, *, b=y): pass", ["x", "y"]),
    ("def f(a: T) -> T: return a", []),
    ("def f():\n    x = 1\n    return x + y", ["y"]),
    ("def f():\n    global x\n    x = 1", ["x"]),
    ("def f():\n    def g(): return h()\n    return g", ["h"]),
    ("def f():\n    h = 1\n    def g(): return h\n    return g", []),
    ("def f():\n    h = 1\n    def g():\n        global h\n        return h\n    return g", ["h"]),
    ("def f(): return [x + y for x in z]", ["z", "y"]),
    ("def f(): return (n := 1) + n", []),
    ("def f(xs): return [m := x for x in xs], m", []),
    ("def f():\n    try: pass\n    except E as e: print(e)", ["E", "print"]),
    ("def f(a):\n    with o(a) as b: return b", ["o"]),
    ("def f(a):\n    for i in r(a): print(i)", ["r", "print"]),
    ("def f(a):\n    match a:\n        case P(x=q) | [q, *_]: return q", ["P"]),
    ("def f(a):\n    match a:\n        case {'k': v, **r}: return v, r", []),
    ("def f(): return lambda x, y=z: x + y + w", ["w", "z"]),
    ("class C(B, metaclass=M):\n    x = y\n    def m(self): return x", ["y", "x", "B", "M"]),
    ("class C:\n    x: T = d\n", ["T", "d"]),
    ("@deco(k)\ndef f(): pass", ["deco", "k"]),
    ("def f(): return f'{x!r:{w}}'", ["x", "w"]),
    ("def f(): return a.b().c", ["a.b"]),
    ("def f(): return getattr(m, 'g')()", ["m.g", "getattr"]),
    ("def f():\n    import m\n    return m.g()", ["m.g"]),
    ("def f():\n    from m import g as h\n    return h()", ["h"]),
    ("def f():\n    del x[0], y", ["x"]),
    ("async def f():\n    async for i in s: await t(i)", ["s", "t"]),
]


@pytest.mark.parametrize("text,expected", USES)
def test_uses_are_the_names_from_outside(text, expected):
    """Only names that no scope inside binds are outside names, with their attributes."""
    found = [".".join((use.name, *use.attributes)) for use in find_uses(parse(text)).uses]

    assert sorted(expected) == sorted(found)


def test_skipped_decorators_do_not_count():
    """Decorators above the mark have neither form nor uses."""
    node = parse("@task(x=1)\n@deco\ndef f(): pass")
    plain = parse("@deco\ndef f(): pass")

    assert normal_form(node, n_skipped=1) == normal_form(plain)
    assert [use.name for use in find_uses(node, n_skipped=1).uses] == ["deco"]


def test_module_names_count_by_number():
    """A chain that stands for a module is written by its number, the rest by its names."""
    one = normal_form(parse("x = a.b.f(1)"), modules={("a", "b"): 0})
    other = normal_form(parse("x = c.f(1)"), modules={("c",): 0})
    swapped = normal_form(parse("x = c.f(1)"), modules={("c",): 1})

    assert one == other
    assert one != swapped


ASSIGNED = [
    ("X = 1\nY = 2\nX += 3", ["X = 1", "X += 3"]),
    ("if a:\n    X = 1\nelse:\n    X = 2", ["X = 1", "X = 2"]),
    ("try:\n    X = 1\nexcept E:\n    X = 2\nfinally:\n    Y = 3", ["X = 1", "X = 2"]),
    ("for X in a:\n    pass", ["for X in a:\n    pass"]),
    ("X = []\nX.append(1)\nX[0] = 2", ["X = []", "X.append(1)", "X[0] = 2"]),
    ("def f():\n    X = 1", []),
    ("from m import X", ["from m import X"]),
    ("(X, Y), Z = a", ["(X, Y), Z = a"]),
    ("X: int = 1", ["X: int = 1"]),
]


@pytest.mark.parametrize("text,expected", ASSIGNED)
def test_assignments_are_the_statements_that_make_a_constant(text, expected):
    """Assignments in blocks, and changes of what is in the constant, belong to it."""
    found = [ast.unparse(node) for node in find_assignments(ast.parse(text), "X")]

    assert [ast.unparse(ast.parse(statement)) for statement in expected] == found
