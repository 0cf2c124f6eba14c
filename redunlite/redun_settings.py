"""The settings of redun's configuration that this has not, and what each of them does here.

Decided here: which they are. Not here: what is done about them (`config`). No state.

>>> find_note("backend", "db_retries")
'results are recorded in redunlite.db beside this file'
>>> find_note("scheduler", "job_status_intervall")
"""

from __future__ import annotations

from collections.abc import Sequence

LOCAL = "local"
REMOTE_TYPES = ("docker", "aws_batch", "aws_glue", "k8s", "gcp_batch")
"""Types of executors for other machines than this one, or for containers."""

_BACKEND = "results are recorded in redunlite.db beside this file"
_ONE_HISTORY = "one history a project; -c names another folder"
_ONE_MACHINE = "every task runs on this machine"
_WORKERS = "workers are always started from a clean process"
_FILES = "workers get calls and give results without files"

_SECTIONS = {
    "backend": (
        "db_uri db_username_env db_password_env db_aws_secret_name automigrate db_retries"
        " db_retries_backoff db_retries_backoff_max max_value_size value_store_path"
        " value_store_min_size config_dir",
        _BACKEND,
    ),
    "repos": ("config_dir", _ONE_HISTORY),
    "federated_tasks": (
        "namespace task_name load_module executor config_dir description task_signature new_execution",
        _ONE_MACHINE,
    ),
}
"""Keys of the sections, or of those that begin so, and what there is here."""

_SCHEDULER = {
    "job_status_interval": "a terminal shows the state of the run all the time",
    "ignore_warnings": "there are no warnings to leave out",
    "boto_config": _ONE_MACHINE,
    "federated_configs": _ONE_MACHINE,
}

_REMOTE = (
    "annotations autocreate_job autocreate_job_def aws_region batch_tags code_excludes"
    " code_includes code_package create_namespace debug debug_scratch default_batch_tags"
    " default_k8s_labels enable_metrics env ephemeral_storage gcs_scratch glue_job_prefix"
    " glue_version gpus image import_aws_secrets include_aws_env interactive job_def_extra"
    " job_def_name job_monitor_interval job_name_prefix job_retry_interval job_stale_time"
    " k8s_labels labels machine_type max_array_size memory min_array_size namespace"
    " node_affinity num_nodes priority privileged project queue region retries role"
    " s3_scratch scheduling_priority_override secret_env_vars secret_name"
    " service_account_email service_account_name share_id shared_memory spark_history_dir"
    " task_count timeout vcpus volumes worker_type"
)
"""Options of executors for other machines."""

_EXECUTOR = {
    "start_method": _WORKERS,
    "scratch": _FILES,
    **dict.fromkeys(_REMOTE.split(), _ONE_MACHINE),
}


def is_section(section: str) -> bool:
    """Tell whether a section is one of redun's that has no effect here."""
    return section == "backend" or section.partition(".")[0] in ("repos", "federated_tasks")


def list_keys(section: str) -> Sequence[str]:
    """Return the keys of a section that redun knows and this does not.

    A federated task may have any task option as a key besides.
    """
    kind = section.partition(".")[0]
    if kind in _SECTIONS:
        return _SECTIONS[kind][0].split()
    return list({"scheduler": _SCHEDULER, "executors": _EXECUTOR}.get(kind, {}))


def find_note(section: str, key: str) -> str | None:
    """Return what there is here instead of a setting that has no effect, or None for another."""
    kind = section.partition(".")[0]
    if kind != "federated_tasks" and key not in list_keys(section):
        return None
    if kind in _SECTIONS:
        return _SECTIONS[kind][1]
    return {"scheduler": _SCHEDULER, "executors": _EXECUTOR}[kind][key]
