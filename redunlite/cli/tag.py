"""`redunlite tag`: put tags on what is recorded, change and list them.

Decided here: what the words mean and what is said of a change. Not here: what an id names
(`history/query`), how rows of tags change (`recorder/tags`). Nothing is created: without a database
there is nothing to tag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from redunlite.cli import common
from redunlite.cli.pager import write_page
from redunlite.cli.reading import View, add_format, check_format, open_history, read_text
from redunlite.display.text import cut, escape, measure, pad
from redunlite.errors import UnknownNameError, UsageError
from redunlite.tags import encode_tag_value, format_tag, parse_tag, value_key

if TYPE_CHECKING:
    import argparse

    from redunlite.cli.help import CommandParser
    from redunlite.history.query import History
    from redunlite.history.records import Match

ACTIONS = ("add", "rm", "update", "list")
TAG_WIDTH = 200
"""Columns of a tag in a line."""
MAX_LISTED = 1000

DESCRIPTION = (
    "add: put tags on the record with that id. update: put them in the place of those with the same "
    "key. rm: take them off, by key=value or by the key alone. list: the keys that are used; with "
    "tags as words, the records that have them.\n\n"
    "A value is JSON when it begins like it, else a number, true, false, null, or text."
)
EXAMPLES = (
    ("tag add - env=prod checked", "tag the latest execution"),
    ("tag add 5ede15ae n=3", "tag a job, call node, task or value"),
    ("tag update - env=test", "replace a tag"),
    ("tag rm - env", "take it off"),
    ("tag list", "the keys, and how often each is used"),
    ("tag list env=prod", "what has that tag"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    parser: CommandParser = commands.add_parser(
        "tag", help="put tags on what is recorded", description=DESCRIPTION
    )
    parser.examples = EXAMPLES
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help="add, rm, update or list")
    parser.add_argument(
        "words", metavar="TAG", nargs="*", help="an id and then tags; for list, tags only"
    )
    parser.add_argument("--values", action="store_true", help="list: values too, not only keys")
    add_format(
        parser, quiet="list: keys only, or ids, one a line", verbose="list: same as --values"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    check_format(args)
    args.values = args.values or args.verbose
    if args.action == "list":
        return _list(args)
    for name in ("values", "quiet"):
        if getattr(args, name) or args.format != "text":
            option = f"--{name}" if getattr(args, name) else "--format"
            raise UsageError(f"{option} goes with 'tag list', not with 'tag {args.action}'")
    if not args.words:
        raise UsageError(f"which record? redunlite tag {args.action} ID KEY=VALUE …")
    word, *texts = args.words
    if not texts:
        raise UsageError(f"which tags? redunlite tag {args.action} {word} KEY=VALUE …")
    tags = [_read_tag(text) for text in texts]
    entity, entity_id, shown = _find_entity(getattr(args, "config", None), word)
    said = _change(args, entity, entity_id, tags)
    return common.write_output("".join(f"{line} {shown}\n" for line in said))


def _read_tag(text: str) -> tuple[str, str | None, str]:
    """Return key, JSON value (None when only a key was given), and the tag as it is shown."""
    key, value = parse_tag(text)
    return key, encode_tag_value(value) if "=" in text else None, _show(key, value)


def _show(key: str, value: Any) -> str:
    return escape(cut(format_tag(key, value), TAG_WIDTH))


def _find_entity(config: str | None, word: str) -> tuple[str, int, str]:
    """Return kind, number and description of the record that a word names."""
    from redunlite.history.query import History

    database = open_history(config)
    if database is None:
        raise UnknownNameError("id", word, hint="no executions are recorded here yet")
    try:
        history = History(database)
        match = history.find_records(word).matches[0]
        return (*get_entity(history, match), f"{match.kind} {match.id[:8]}")
    finally:
        database.close()


def get_entity(history: History, match: Match) -> tuple[str, int]:
    """Return the kind and the number under which the tags of a record are kept."""
    from redunlite.history.records import CALL, EXECUTION, JOB, TASK

    kinds = {EXECUTION: "execution", JOB: "job", CALL: "call", TASK: "task"}
    if match.kind in kinds:
        return kinds[match.kind], match.row
    return "value", value_key(bytes.fromhex(history.get_value(match).hash))


def _change(
    args: argparse.Namespace,
    entity: str,
    entity_id: int,
    tags: Sequence[tuple[str, str | None, str]],
) -> list[str]:
    import os

    from redunlite.config import resolve_folder
    from redunlite.recorder.database import DATABASE_NAME, open_database
    from redunlite.recorder.tags import find_tag_ids, insert_tags, retire_tags, update_tag

    folder = resolve_folder(getattr(args, "config", None))
    assert folder is not None  # the record was just found there
    database = open_database(os.path.join(folder, DATABASE_NAME))
    said = []
    try:
        database.begin()
        try:
            for key, value, shown in tags:
                if args.action == "rm":
                    old = find_tag_ids(database.connection, entity, entity_id, key, value)
                    if not old:
                        raise UsageError(
                            f"{shown!r} is no tag of that {entity}", "redunlite tag list shows tags"
                        )
                    retire_tags(database.connection, old)
                    said.append(f"took {shown} off")
                    continue
                row = (entity, entity_id, key, "null" if value is None else value)
                if args.action == "update":
                    n_replaced = update_tag(database.connection, row)
                    said.append(
                        f"{'replaced' if n_replaced else 'added'} {cut(key, TAG_WIDTH)}: {shown} on"
                    )
                else:
                    is_new = insert_tags(database.connection, [row])
                    said.append(f"added {shown} to" if is_new else f"kept {shown} on")
            database.commit()
        except BaseException:
            database.rollback()
            raise
    finally:
        database.close()
    return said


def _list(args: argparse.Namespace) -> int:
    text = read_text(getattr(args, "config", None), lambda history: _make_list(history, args))
    if text is None:
        view = View(lambda: ["No tags yet"], list, list, "tag")
        text = "" if args.quiet else view.render(args.format)
    return write_page(text, args)


def _make_list(history: History, args: argparse.Namespace) -> str:
    from redunlite.history.tags import count_tags, find_tagged

    if args.words:
        found = []
        for text in args.words:
            key, value, _ = _read_tag(text)
            found += find_tagged(history.connection, key, value, MAX_LISTED)
        records = [(tag, _name(history, tag.entity, tag.entity_id)) for tag in found]

        def make_record_rows() -> list[dict[str, Any]]:
            return [
                {"kind": "tag", "key": t.key, "value": t.value, "entity": t.entity, "id": i, "n": 1}
                for t, i in records
            ]

        def make_record_lines() -> Iterator[str]:
            if not records:
                yield f"No record has {' or '.join(args.words)}"
            for tag, record_id in records:
                shown = record_id if tag.entity == "task" else record_id[:8]
                yield f"{tag.entity:9} {shown}  {_show(tag.key, tag.value)}"

        if args.quiet:
            return "".join(f"{record_id}\n" for _, record_id in records)
        view = View(make_record_lines, make_record_rows, make_record_rows, "tag")
        return view.render(args.format)
    counts = count_tags(history.connection, by_value=args.values)
    if args.quiet:
        return "".join(f"{key}\n" for key in dict.fromkeys(count.key for count in counts))

    def make_rows() -> list[dict[str, Any]]:
        return [
            {
                "kind": "tag",
                "key": c.key,
                "value": c.value,
                "entity": c.entity,
                "id": None,
                "n": c.n,
            }
            for c in counts
        ]

    def make_lines() -> Iterator[str]:
        if not counts:
            yield "No tags yet"
            return
        told: dict[str, list[str]] = {}
        for count in counts:
            shown = _show(count.key, count.value if args.values else None)
            told.setdefault(shown, []).append(_count(count.n, count.entity))
        width = max(map(measure, told))
        for shown, parts in told.items():
            yield f"{pad(shown, width)}  {', '.join(parts)}"

    return View(make_lines, make_rows, make_rows, "tag").render(args.format)


def _count(n: int, entity: str) -> str:
    words = {"call": "call node"}
    word = words.get(entity, entity)
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def _name(history: History, entity: str, entity_id: int) -> str:
    """Return the id of a tagged record."""
    if entity == "execution":
        return history.get_execution(entity_id).uuid
    if entity == "job":
        return history.find_job_ids([entity_id]).get(entity_id, "?")
    if entity == "task":
        return history.get_task(entity_id).fullname
    if entity == "call":
        return history.get_call(entity_id).call_hash
    return entity_id.to_bytes(8, "big", signed=True).hex()
