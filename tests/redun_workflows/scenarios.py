"""The workflows that are compared, what is done with each, and why some outcomes are meant to differ.

A reason stands at the command and the aspect that it explains. `scripts/compare-redun` checks both
ways: a difference without a reason is reported, and so is a reason without a difference.
"""

from __future__ import annotations

from redun_workflows.play import Command, Edit, Log, Run, Scenario, Script

EACH_CALL = (
    "every call is a job of its own and counts, also one that is written twice; redun lets equal calls"
    " of one parent share a job"
)
FINAL = (
    "a call that this run has done already is answered with its final result; redun goes through the"
    " calls below it again"
)
OPERATOR = "all of Python's operators that can be lazy are; redun stops at comparison and + - * /"
SLICE = "slices are lazy and mean what they mean in Python; redun makes a list of items"
CLEAR = "the message names the task and the way out"
EVALUATED = "expressions are found in any container; redun hands them to the task as they are"
BOUND = "arguments are bound to the parameters first, so that other spellings are the same call"
CODE = "the helpers and constants that a task uses are part of its code, and comments are not"
STREAMS = "standard output has the result alone; what else is printed goes to standard error"
USAGE = "a wrong argument is a usage error, told before anything runs"
CHECKED = "a call is checked where it is written, so that its task never begins"
FUNC = "a task whose function is called by `.func` is a helper, and part of the caller's code"
TEXT = "annotations that are text count like others"
PLAN = "a dry run has told what would run, which is what it was asked for, and ends with 0"
COLUMNS = "what has a column of its own, such as the user and the version, is no tag"
INSTEAD = "told with what does it here"
FILTERS = "filters of the log have shorter names, --status and --task; the nearest is told"
LEFT_OUT = "not a command here; what there is is told"
UNKNOWN = "an option that nothing reads is an error, with the nearest name"
OUTPUTS = "the number of results is checked, and known from any annotation"

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
    Scenario(
        "operators",
        "operators that are lazy in redun",
        [Run("main"), Run("main")],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "operators_more",
        "operators that redun lacks or gets wrong",
        [
            Run("floor_division", OPERATOR),
            Run("remainder", OPERATOR),
            Run("power", OPERATOR),
            Run("bits", OPERATOR),
            Run("signs", OPERATOR),
            Run("division_with_rest", OPERATOR),
            Run("slice_from", SLICE),
            Run("slice_to_end", SLICE),
            Run("slice_step", SLICE),
            Run("slice_of_text", SLICE),
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
            Run("text", "an expression in text is an error; redun puts the text of it there"),
            Run("chained"),
            Run("biggest"),
            Run("assignment"),
        ],
        {"error": CLEAR},
    ),
    Scenario(
        "nested", "expressions within values", [Run("main"), Run("main")], {"cached": EACH_CALL}
    ),
    Scenario(
        "nested_leaves",
        "containers that redun does not look into",
        [
            Run("ordered"),
            Run("ordered_argument", EVALUATED),
            Run("default_argument", EVALUATED),
            Run("queue", EVALUATED),
            Run("subclass"),
            Run("frozen"),
            Run("set_of_two", "a set may hold several expressions"),
        ],
    ),
    Scenario(
        "recursion",
        "recursion",
        [
            Run("main", {"cached": EACH_CALL}),
            Run("main --n 7", {"cached": FINAL}),
            Run("main --n 7", {"cached": FINAL}),
        ],
    ),
    Scenario(
        "tasks_as_values",
        "tasks as arguments and results",
        [
            Run("main"),
            Run(
                "main",
                {
                    "jobs": "a list of tasks is the same value whichever of them are one object; redun"
                    " hashes by object identity and misses",
                },
            ),
            Edit("return x + 1", "return x + 100"),
            Run(
                "main",
                {
                    "jobs": "a task in a recorded call counts by its present code; who made the call"
                    " need not run again",
                },
            ),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario("partial_tasks", "PartialTask", [Run("main"), Run("main")], {"cached": EACH_CALL}),
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
        [
            Run("main"),
            Run("main"),
            Run("compose_nothing", "an empty composition is told where it is written"),
            Run("const_fails"),
            Run("seq_stops"),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "many_values",
        "map_, starmap, flat_map, flatten, zip_",
        [Run("main"), Run("main"), Run("map_fails")],
        {
            "jobs": "starmap and flat_map need no job of their own, and a map of a map is two maps",
            "cached": EACH_CALL,
        },
    ),
    Scenario(
        "plain_functions",
        "apply_func, as_task, eval_",
        [
            Run("main"),
            Run("main"),
            Edit("return x * by", "return x * by * 10"),
            Run("main", CODE),
            Run("wrong_names", {"error": "our own wording"}),
            Run("function_of_a_lambda", "functions made anywhere are values"),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "no_provenance",
        "no_prov, prov=False",
        [
            Run("main", {"jobs": "the helping tasks have other names"}),
            Run("main", {"cached": "the helping tasks have other names"}),
            Run("with_option"),
            Run("with_option"),
            Log("-"),
        ],
        {
            "jobs": "a run shares what it has done also where nothing is recorded",
            "cached": "a run shares what it has done also where nothing is recorded",
        },
    ),
    Scenario(
        "conditions",
        "cond",
        [
            Run("main"),
            Run("main"),
            Run("no_branch", {"error": CLEAR}),
            Run("bad_condition"),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "catching",
        "catch, throw, and what is remembered",
        [
            Run("main", {"jobs": EACH_CALL, "cached": EACH_CALL}),
            Run("main", {"cached": EACH_CALL}),
            Run("not_taken"),
            Run("not_taken"),
            Run("recovery_fails"),
            Edit("return a / b", "return a / (b + 1)"),
            Run(
                "main",
                "a recovery holds for the code that failed, so an edited task is tried again; redun"
                " goes on recovering",
            ),
        ],
    ),
    Scenario(
        "catching_all",
        "catch_all",
        [
            Run("main"),
            Run("main"),
            Run("other_error"),
            Run("no_recovery"),
            Run("no_class", "a recovery without a class is an error, also while nothing fails"),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "quoting",
        "quote, with_export_options",
        [
            Run("main"),
            Run("main"),
            Run("exporting"),
            Run("exporting"),
        ],
    ),
    Scenario(
        "special_forms",
        "scheduler_task with promises",
        [Run("main"), Run("main")],
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
            Run("main", FUNC),
            Edit("return 2 * inner", "return 4 * inner"),
            Run("main", FUNC),
        ],
    ),
    Scenario(
        "job_information",
        "JobInfo",
        [Run("main"), Run("main"), Run("look --x 1", BOUND)],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "config_arguments",
        "config_args",
        [
            Run("main --threads 2"),
            Run("main --threads 4"),
            Run("by_position"),
            Run("by_keyword", BOUND),
        ],
    ),
    Scenario(
        "outputs",
        "several results",
        [
            Run("main", OUTPUTS),
            Run("main", OUTPUTS),
            Run("mismatch", OUTPUTS),
            Run("missing", OUTPUTS),
        ],
    ),
    Scenario(
        "string_annotations",
        "annotations that are text",
        [Run("main --n 3", TEXT), Run("unpack", TEXT)],
    ),
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
            Run(
                "--no-cache main",
                "--no-cache does not widen the scope of a task, which is NONE here",
            ),
            Run(
                "two_rolls",
                "without a cache two calls are two calls; redun gives the same number twice",
            ),
            Run("one_roll_twice"),
            Run("two_cached_rolls", {"cached": EACH_CALL}),
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
    Scenario(
        "threads",
        "fork_thread, join_thread",
        [Run("main"), Run("main")],
        {"cached": "a thread that is joined twice is not evaluated twice"},
    ),
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
        [
            Run("main", {"result": STREAMS}),
            Run("main", {"result": STREAMS}, before="-s name=somebody -s size=3"),
            Command("--setup-help"),
            Run("main", {"error": USAGE}, before="-s size=many"),
            Run("main", {"error": USAGE}, before="-s colour=red"),
        ],
        ini="[scheduler]\nsetup_scheduler = workflow.py::setup_scheduler\n",
    ),
    Scenario(
        "arguments",
        "arguments of the command line",
        [
            Run("plain --bare x --text 'a b' --number 3 --real 1e3 --flag true"),
            Run("plain --bare ''"),
            Run("plain --bare x --number 3.5", USAGE),
            Run("plain --bare x --flag no", USAGE),
            Run(
                "plain --bare x --num 3",
                "names of options are not abbreviated; the nearest is told",
            ),
            Run("plain --bare x --unknown 3", USAGE),
            Run("plain", USAGE),
            Run("lists --numbers 1 2 3"),
            Run("lists --numbers 1 --words a b"),
            Run("optional --a 1"),
            Run("maybe --a 1"),
            Run("maybe"),
            Run("choice --color green"),
            Run("choice --color Color.green"),
            Run("choice --color blue", USAGE),
            Run("standard --when 2024-02-29T12:30 --path a/b --price 1.50"),
            Run("own --thing quiet"),
            Run("long_name --first-value 1"),
            Run("long_name --first-value 1 --secondvalue 3"),
            Run("needs", USAGE),
            Run("mapping --options '{\"a\": 1}'", "dicts are given as JSON"),
            Run("bare_list --values abc", "a list without a type is a list of texts"),
            Run("clash --tag a=b --input x", "a task's own options go to the task"),
        ],
    ),
    Scenario(
        "defaults",
        "defaults that are expressions",
        [
            Run("main", {"jobs": "no job is wrapped around the first one", "cached": EACH_CALL}),
            Run("main"),
            Run("main --x 1"),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "lazy_options",
        "option values that are expressions",
        [Run("main"), Run("main"), Run("--context memory=3 main")],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "failing",
        "failures",
        [
            Run("main"),
            Run("main"),
            Run("wrong_arguments", {"jobs": CHECKED}),
            Run("wrong_keyword", {"jobs": CHECKED, "error": "our own wording"}),
            Run("unpicklable"),
            Run("two_arguments"),
            Run("chained"),
            Run("in_argument"),
            Run("bad_attribute"),
            Run("bad_operator"),
            Run("nothing_of_that_name", USAGE),
            Edit("return a / b", "return a / (b + 1)"),
            Run("main"),
        ],
    ),
    Scenario(
        "dry_runs",
        "--dryrun",
        [
            Run("--dryrun main", PLAN),
            Run("main"),
            Run("--dryrun main"),
            Run("--dryrun main --x 2", PLAN),
            Edit("return a + b", "return a - b"),
            Run("--dryrun main", PLAN),
            Log("", "a dry run leaves no record"),
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
        {"tree": "arguments are shown by position where the parameters have positions"},
        # Siblings stand in the order in which they began: with two workers that is a race.
        ini="[executors.default]\ntype = local\nmode = process\nmax_workers = 1\n",
    ),
    Scenario("programs", "programs that run workflows", [Script()]),
    Scenario(
        "programs_more",
        "run, what Scheduler.run takes, executors of a program's own, a scheduler within a task",
        [
            Script("run"),
            Script("run"),
            Script("settings"),
            Script("executors"),
            Script("configured"),
            Script(
                "nested",
                "a scheduler in memory works in the thread of a job too; redun's finds no database there",
            ),
        ],
    ),
    Scenario(
        "reruns",
        "run --rerun",
        [
            Run("main --n 3"),
            Run("--rerun -"),
            Run("--rerun - --word b"),
            Run("--rerun - --n 5"),
            Run("double --x 4 --by 5"),
            Run("--rerun - --by 6"),
            Run("fail --x 4"),
            Run("--rerun -"),
            Run("--rerun - --limit 9"),
            Run("--rerun 0123456789", USAGE),
        ],
    ),
    Scenario(
        "run_options",
        "options of run, and its words",
        [
            Run("main"),
            Run("run_options.main --x 2"),
            Run("elsewhere.other"),
            Run("other", "a short name is enough where only one task of the file has it"),
            Run("show -o memory=4"),
            Run("main -o cache_scope=NONE"),
            Run("main --no-cache"),
            Run("main -t env=test -t n=3"),
            Log("-", COLUMNS),
            Run("main --no-prov", INSTEAD),
            Run("main --doc text --project name --user somebody", INSTEAD),
            Run("main --input arguments.pkl", INSTEAD),
            Run("main 3", {"error": "our own wording"}),
            Command("run workflow.py help"),
            Command("run workflow.py main help"),
            Command("run workflow.py main info"),
            Run("main", INSTEAD, before="--log-level ERROR"),
            Run("main", "a folder that was named has to be there", before="-c elsewhere"),
            Run("main", INSTEAD, before="-r other"),
        ],
    ),
    Scenario(
        "commands",
        "commands beside run",
        [
            Command("help"),
            Command("--version"),
            Command("init"),
            Command("log"),
            Run("main -t env=test"),
            Run("main --x 9"),
            Command("log -"),
            Command("log {execution}"),
            Command("log {job}"),
            Command("log 0123456789", "an id that nothing has is an error"),
            Command("log inc"),
            Log("--exec-status FAILED", FILTERS),
            Log("--job --task-name inc", FILTERS),
            Command("tag add {execution} who=me"),
            Command("tag list who=me"),
            Command("tag update {execution} who=you"),
            Command("tag rm {execution} who=you"),
            Command("tag list", {"result": f"our own layout; {COLUMNS}"}, shows=True),
            Command("frobnicate", {"error": "our own wording"}),
            Command("db info", LEFT_OUT),
            Command("export", LEFT_OUT),
            Command("repo list", LEFT_OUT),
            Command("run workflow main", "a workflow is named by its file; the nearest is told"),
            Command("run nosuch.py main", USAGE),
            Command("run workflow.py nosuch", USAGE),
        ],
    ),
    Scenario(
        "options_more",
        "rarer options, and those for other machines",
        [
            Run("main"),
            Run("in_process"),
            Run("in_thread"),
            Run("memory"),
            Run("for_other_machines"),
            Run("own_option", UNKNOWN),
            Run("bad_scope", {"error": CLEAR}),
        ],
    ),
    Scenario(
        "own_options",
        "options of the user's own",
        [Run("main"), Run("main"), Run("-o level=9 read --x 77"), Run("around")],
        ini="[options]\nnames = my_option, level\n",
    ),
    Scenario(
        "helpers",
        "edits of helpers, constants and comments",
        [
            Run("main"),
            Edit("# A comment.", "# Another comment."),
            Run("main", CODE),
            Edit("FACTOR = 2", "FACTOR = 3"),
            Run("main", CODE),
            Edit("return x * FACTOR", "return x * FACTOR + 1"),
            Run("main", CODE),
        ],
    ),
    Scenario(
        "spellings", "one call in several spellings", [Run("main", BOUND), Run("main", BOUND)]
    ),
    Scenario("values", "values of many types", [Run("main"), Run("main")]),
    Scenario(
        "utilities",
        "functions of redun.utils and redun.hashing",
        [
            Run("main"),
            Run("main"),
            Run("texts"),
            Run("hashes"),
            Run("pickles"),
            Run("multimap"),
        ],
    ),
    Scenario(
        "own_values",
        "value classes with hooks",
        [
            Run("main"),
            Run("main"),
            Run("length --interval 3-9"),
            Run("warm --temperature 36.6C"),
            Run("count_both", {"cached": EACH_CALL}),
            Run("count_both", {"cached": EACH_CALL}),
            Run("pack_and_unpack"),
            Run("pack_and_unpack"),
            Edit("open", "closed", "store.txt"),
            Run("pack_and_unpack"),
            Run("boxes"),
            Run("boxes"),
            Run("read_and_show"),
            Run("show_what_is_there"),
            Edit("first", "second", "state.txt"),
            Run("read_and_show"),
            Run("show_what_is_there"),
            Run("show_what_is_there"),
            Run("registry"),
        ],
    ),
    Scenario(
        "tagging",
        "apply_tags",
        [
            Run("main"),
            Run("main"),
            Log("-", COLUMNS),
        ],
        {"cached": EACH_CALL},
    ),
    Scenario(
        "executors",
        "executors by name",
        [Run("main"), Run("main"), Run("unknown", {"error": "our own wording, with what to do"})],
        ini=(
            "[executors.default]\ntype = local\n"
            "[executors.process]\ntype = local\nmode = process\n"
            "[executors.second]\ntype = local\n"
            "[executors.other_name]\ntype = alias\ntarget = second\n"
        ),
    ),
    Scenario(
        "config_forms",
        "the form of the configuration, and sections that only redun needs",
        [Run("main"), Run("main"), Run("show --memory 1 --names a --text x")],
        ini=(
            "# a comment\n[DEFAULT]\nteam = team-7\n\n"
            "[backend]\ndb_uri = sqlite:///redun.db\nautomigrate: True\n\n"
            "[scheduler]\nsetup_scheduler = workflow.py::setup_scheduler\njob_status_interval = 60\n"
            "ignore_warnings =\n  namespace\n"
            "context =\n  {\n    # of the machine\n"
            '    "machine": {"memory": 4,\n\n      "names": ["a", "b"]},\n'
            '  ; and a text\n    "text": "${team} = $${team}: 100%"\n  }\n'
            "[executors.default]\ntype = local\nmode = thread\nmax_workers = 5\nscratch = /tmp/x\n"
            "[executors.pool]\ntype = local\nmode = process\nmax_workers = 2\nstart_method = spawn\n"
            "[executors.threads]\ntype = alias\ntarget = default\n"
            "[tags]\nowner = ${team}\nplace = ${executors.pool:mode}\n"
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
            Run("main", CODE),
            Run("modules.steps.clean --text ' x '"),
        ],
        {"cached": EACH_CALL},
    ),
]
