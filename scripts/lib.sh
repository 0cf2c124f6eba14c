# shellcheck shell=bash
# Shared by the scripts in this folder; sourced, never run.
#
# An environment is one folder made by `python -m venv` with the project installed in it, editable.
# It carries a stamp for each set of extras: a checksum over everything that decides what is
# installed. While the stamp holds, nothing here starts pip or touches the network.

project=$(CDPATH='' cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

say() {
    printf '[redunlite] %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 2
}

# is_usable PYTHON: whether it runs and is recent enough. A name on PATH may be a shim that does not.
is_usable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

# find_python: print the Python to make environments with; $PYTHON overrides the search.
find_python() {
    local name
    if [ -n "${PYTHON:-}" ]; then
        is_usable "$PYTHON" || die "PYTHON=$PYTHON is not a Python 3.10 or newer that runs"
        printf '%s\n' "$PYTHON"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.10 python; do
        if command -v "$name" >/dev/null 2>&1 && is_usable "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    die "Python 3.10 or newer is needed and was not found on PATH ($(python3 --version 2>&1 || true)); name one with PYTHON=/path/to/python3"
}

# is_at_home ENVIRONMENT: whether it was made where it stands, rather than moved or copied there.
is_at_home() (
    set +eu
    VIRTUAL_ENV=
    # shellcheck disable=SC1091
    . "$1/bin/activate" >/dev/null 2>&1
    [ -n "$VIRTUAL_ENV" ] && [ "$VIRTUAL_ENV" -ef "$1" ]
)

# compute_stamp ENVIRONMENT: what decides what is installed: the declarations, the place, the Python.
compute_stamp() {
    {
        printf '%s\n' "$project"
        cat -- "$project/setup.cfg" "$project/setup.py" "$project/pyproject.toml" \
            "$project/scripts/lib.sh" "$1/pyvenv.cfg"
    } | cksum
}

# has_stamp ENVIRONMENT EXTRA: whether the project is installed there with EXTRA or more.
has_stamp() {
    local extras extra wanted
    [ -x "$1/bin/python" ] && [ -f "$1/pyvenv.cfg" ] || return 1
    case $2 in
        core) extras="core test dev" ;;
        test) extras="test dev" ;;
        *) extras=$2 ;;
    esac
    wanted=$(compute_stamp "$1")
    for extra in $extras; do
        if [ -f "$1/.stamp-$extra" ] && [ "$(cat -- "$1/.stamp-$extra")" = "$wanted" ]; then
            return 0
        fi
    done
    return 1
}

# ensure_environment ENVIRONMENT EXTRA [PYTHON]: make it and install into it what is not there yet.
# EXTRA is core, test or dev, each holding the one before.
ensure_environment() {
    local environment=$1 extra=$2 python=${3:-} target=$project
    has_stamp "$environment" "$extra" && return
    # One that lost its Python, is too old, or was moved here from elsewhere is made anew.
    if ! is_usable "$environment/bin/python" || ! is_at_home "$environment"; then
        [ -n "$python" ] || python=$(find_python) || exit 2
        say "making the environment $environment (once)"
        "$python" -m venv --clear -- "$environment" ||
            die "could not make it: '$python -m venv' failed (on Debian and Ubuntu: apt install python3-venv)"
    fi
    [ "$extra" = core ] || target="$project[$extra]"
    say "installing redunlite${target#"$project"} into it"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --editable "$target" >&2 || die "pip could not install it; what is above tells why"
    compute_stamp "$environment" >"$environment/.stamp-$extra"
}
