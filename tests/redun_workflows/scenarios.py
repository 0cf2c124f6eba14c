"""The workflows that are compared, what is done with each, and why some outcomes are meant to differ.

A reason stands at the command and the aspect that it explains. `scripts/compare-redun` checks both
ways: a difference without a reason is reported, and so is a reason without a difference.
"""

from __future__ import annotations

from redun_workflows.play import Edit, Log, Run, Scenario, Script

SCENARIOS = [
    Scenario(
        "hello",
        "the hello-world session: first run, cached run, arguments, an edit",
        [
            Run("main"),
            Run("main"),
            Run("main --greet Hi"),
            Run("greeter --greet Yo --thing Venus"),
            Edit('return "World"', 'return "Mars"'),
            Run("main"),
            Edit('return "Mars"', 'return "World"'),
            Run("main"),
        ],
    ),
    Scenario(
        "options",
        "options of the decorator",
        [
            Run("main"),
            Run("main"),
            Run("renamed --x 4"),
            Run("main --x 2"),
            Edit('@task(version="1")', '@task(version="2")'),
            Run("main --x 2"),
            Edit("return x * 2", "return x * 20"),
            Run("main --x 2"),
        ],
    ),
    Scenario(
        "namespaces", "where names of tasks come from", [Run("main"), Run("deep.er.still.short")]
    ),
    Scenario("operators", "operators that are lazy in redun", [Run("main"), Run("main")]),
    Scenario(
        "operators_more",
        "operators that redun lacks or gets wrong",
        [
            Run("floor_division"),
            Run("remainder"),
            Run("power"),
            Run("bits"),
            Run("signs"),
            Run("division_with_rest"),
            Run("slice_from"),
            Run("slice_to_end"),
            Run("slice_step"),
            Run("slice_of_text"),
        ],
    ),
    Scenario(
        "coercions",
        "what cannot be lazy",
        [
            Run("condition"),
            Run("negation"),
            Run("iteration"),
            Run("unpacking"),
            Run("length"),
            Run("whole_number"),
            Run("membership"),
            Run("text"),
            Run("chained"),
            Run("biggest"),
            Run("assignment"),
        ],
    ),
    Scenario("nested", "expressions within values", [Run("main"), Run("main")]),
    Scenario(
        "nested_leaves",
        "containers that redun does not look into",
        [
            Run("ordered"),
            Run("ordered_argument"),
            Run("default_argument"),
            Run("queue"),
            Run("subclass"),
            Run("frozen"),
            Run("set_of_two"),
        ],
    ),
    Scenario("recursion", "recursion", [Run("main"), Run("main --n 7"), Run("main --n 7")]),
    Scenario(
        "tasks_as_values",
        "tasks as arguments and results",
        [
            Run("main"),
            Run("main"),
            Edit("return x + 1", "return x + 100"),
            Run("main"),
        ],
    ),
    Scenario("partial_tasks", "PartialTask", [Run("main"), Run("main")]),
    Scenario("call_options", "options of calls, exported options", [Run("main"), Run("main")]),
    Scenario(
        "cache_by_call",
        "options of calls and the cache",
        [
            Run("plain"),
            Run("with_option"),
            Run("not_cached"),
            Run("not_cached"),
            Run("nothing_cached_below"),
            Run("nothing_cached_below"),
        ],
    ),
    Scenario(
        "contexts",
        "context variables",
        [
            Run("main"),
            Run("main"),
            Run("--context name=given --context machine.memory=4 main"),
            Run("main"),
        ],
    ),
    Scenario(
        "context_file",
        "context variables of the configuration and of a file",
        [Run("main"), Run("--context-file more.json main"), Run("--context name=last main")],
        ini='[scheduler]\ncontext = {"name": "ini", "machine": {"memory": 2}}\n',
    ),
    Scenario(
        "functional",
        "compose, identity, const, delay, force, seq",
        [Run("main"), Run("main"), Run("compose_nothing"), Run("const_fails"), Run("seq_stops")],
    ),
    Scenario(
        "many_values",
        "map_, starmap, flat_map, flatten, zip_",
        [Run("main"), Run("main"), Run("map_fails")],
    ),
    Scenario(
        "plain_functions",
        "apply_func, as_task, eval_",
        [
            Run("main"),
            Run("main"),
            Edit("return x * by", "return x * by * 10"),
            Run("main"),
            Run("wrong_names"),
            Run("function_of_a_lambda"),
        ],
    ),
    Scenario(
        "no_provenance",
        "no_prov, prov=False",
        [Run("main"), Run("main"), Run("with_option"), Run("with_option"), Log("-")],
    ),
    Scenario(
        "conditions",
        "cond",
        [Run("main"), Run("main"), Run("no_branch"), Run("bad_condition")],
    ),
    Scenario(
        "catching",
        "catch, throw, and what is remembered",
        [
            Run("main"),
            Run("main"),
            Run("not_taken"),
            Run("not_taken"),
            Run("recovery_fails"),
            Edit("return a / b", "return a / (b + 1)"),
            Run("main"),
        ],
    ),
    Scenario(
        "catching_all",
        "catch_all",
        [Run("main"), Run("main"), Run("other_error"), Run("no_recovery"), Run("no_class")],
    ),
    Scenario("quoting", "quote", [Run("main"), Run("main")]),
    Scenario(
        "special_forms",
        "scheduler_task with promises",
        [Run("main"), Run("main"), Run("all_fail")],
    ),
    Scenario(
        "wrapping",
        "wraps_task",
        [
            Run("main"),
            Run("main"),
            Run("names"),
            Run("inc --x 4 --by 2"),
            Edit("return x + by", "return x + by + 1000"),
            Run("main"),
            Edit("return 2 * inner", "return 4 * inner"),
            Run("main"),
        ],
    ),
    Scenario("job_information", "JobInfo", [Run("main"), Run("main"), Run("look --x 1")]),
    Scenario(
        "config_arguments",
        "config_args",
        [Run("main --threads 2"), Run("main --threads 4"), Run("by_position"), Run("by_keyword")],
    ),
    Scenario(
        "outputs",
        "several results",
        [Run("main"), Run("main"), Run("mismatch"), Run("missing")],
    ),
    Scenario("string_annotations", "annotations that are text", [Run("main --n 3"), Run("unpack")]),
    Scenario(
        "validity",
        "check_valid",
        [
            Run("main"),
            Run("main"),
            Run("by_option"),
            Run("by_option"),
            Edit("return x + 1", "return x + 2"),
            Run("main"),
        ],
    ),
    Scenario(
        "scopes",
        "cache scopes, --no-cache",
        [
            Run("main"),
            Run("main"),
            Run("--no-cache main"),
            Run("two_rolls"),
            Run("one_roll_twice"),
            Run("two_cached_rolls"),
        ],
    ),
    Scenario(
        "versions",
        "version, hash_includes",
        [
            Run("main"),
            Edit('TABLE = "first"', 'TABLE = "second"'),
            Run("main"),
            Edit("return x + 1\n\n\n@task(version", "return x + 2\n\n\n@task(version"),
            Run("main"),
            Edit("return x + 1\n\n\n@task(hash", "return x + 5\n\n\n@task(hash"),
            Run("main"),
            Edit('version="1"', 'version="2"'),
            Run("main"),
        ],
    ),
    Scenario("limits", "limits", [Run("main"), Run("main")], ini="[limits]\ndb = 2\ndisk = 1\n"),
    Scenario("threads", "fork_thread, join_thread", [Run("main"), Run("main")]),
    Scenario(
        "asynchronous",
        "async tasks",
        [
            Run("main"),
            Run("main"),
            Run("broken --x 1"),
            Edit("return 2 * x", "return 3 * x"),
            Run("main"),
        ],
    ),
    Scenario(
        "set_up",
        "setup_scheduler",
        [Run("main"), Run("-s name=somebody -s size=3 main")],
        ini="[scheduler]\nsetup_scheduler = workflow.py::setup_scheduler\n",
    ),
    Scenario(
        "arguments",
        "arguments of the command line",
        [
            Run("plain --bare x --text 'a b' --number 3 --real 1e3 --flag true"),
            Run("plain --bare ''"),
            Run("plain --bare x --number 3.5"),
            Run("plain --bare x --flag no"),
            Run("plain --bare x --num 3"),
            Run("plain --bare x --unknown 3"),
            Run("plain"),
            Run("lists --numbers 1 2 3"),
            Run("lists --numbers 1 --words a b"),
            Run("optional --a 1"),
            Run("maybe --a 1"),
            Run("maybe"),
            Run("choice --color green"),
            Run("choice --color Color.green"),
            Run("choice --color blue"),
            Run("standard --when 2024-02-29T12:30 --path a/b --price 1.50"),
            Run("own --thing quiet"),
            Run("long_name --first-value 1"),
            Run("long_name --first-value 1 --secondvalue 3"),
            Run("needs"),
            Run("mapping --options '{\"a\": 1}'"),
            Run("bare_list --values abc"),
            Run("clash --tag a=b --input x"),
        ],
    ),
    Scenario(
        "defaults", "defaults that are expressions", [Run("main"), Run("main"), Run("main --x 1")]
    ),
    Scenario(
        "lazy_options",
        "option values that are expressions",
        [Run("main"), Run("main"), Run("--context memory=3 main")],
    ),
    Scenario(
        "failing",
        "failures",
        [
            Run("main"),
            Run("main"),
            Run("wrong_arguments"),
            Run("wrong_keyword"),
            Run("unpicklable"),
            Run("two_arguments"),
            Run("chained"),
            Run("in_argument"),
            Run("bad_attribute"),
            Run("bad_operator"),
            Run("nothing_of_that_name"),
            Edit("return a / b", "return a / (b + 1)"),
            Run("main"),
        ],
    ),
    Scenario(
        "dry_runs",
        "--dryrun",
        [
            Run("--dryrun main"),
            Run("main"),
            Run("--dryrun main"),
            Run("--dryrun main --x 2"),
            Edit("return a + b", "return a - b"),
            Run("--dryrun main"),
        ],
    ),
    Scenario(
        "logs",
        "the log",
        [
            Run("main"),
            Run("main"),
            Run("main --x 4"),
            Log("-"),
            Log("~2"),
            Log("~3"),
            Log(""),
        ],
    ),
    Scenario("programs", "programs that run workflows", [Script()]),
    Scenario(
        "helpers",
        "edits of helpers, constants and comments",
        [
            Run("main"),
            Edit("# A comment.", "# Another comment."),
            Run("main"),
            Edit("FACTOR = 2", "FACTOR = 3"),
            Run("main"),
            Edit("return x * FACTOR", "return x * FACTOR + 1"),
            Run("main"),
        ],
    ),
    Scenario("spellings", "one call in several spellings", [Run("main"), Run("main")]),
    Scenario("values", "values of many types", [Run("main"), Run("main")]),
    Scenario("utilities", "functions of redun.utils", [Run("main"), Run("main")]),
    Scenario(
        "own_values",
        "value classes with hooks",
        [Run("main"), Run("main"), Run("length --interval 3-9"), Run("warm --temperature 36.6C")],
    ),
    Scenario("tagging", "apply_tags", [Run("main"), Run("main"), Log("-")]),
    Scenario(
        "executors",
        "executors by name",
        [Run("main"), Run("main"), Run("unknown")],
        ini=(
            "[executors.default]\ntype = local\n"
            "[executors.process]\ntype = local\nmode = process\n"
            "[executors.second]\ntype = local\n"
            "[executors.other_name]\ntype = alias\ntarget = second\n"
        ),
        our_ini=(
            "[executors.default]\ntype = thread\n"
            "[executors.process]\ntype = process\n"
            "[executors.second]\ntype = thread\n"
            "[executors.other_name]\ntype = alias\ntarget = second\n"
        ),
    ),
    Scenario(
        "modules",
        "a workflow in several files",
        [
            Run("main"),
            Edit("return text.strip()", "return text.strip().upper()", "steps.py"),
            Run("main"),
            Edit("return text.split()", 'return text.split("O")', "words.py"),
            Run("main"),
            Run("modules.steps.clean --text ' x '"),
        ],
    ),
]
