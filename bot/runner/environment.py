"""What does an engine find in its environment? A workspace's variables, and above them what every run has.

The pre-set names are Terraform Enterprise's (run environment) and HCP Terraform's of today:
https://developer.hashicorp.com/terraform/cloud-docs/run/run-environment#environment-variables
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.manifest import Category, VariableValue, is_refused_environment
from bot.runner.job import StageJob
from bot.runner.unpacking import shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
USER_AGENT = "Runlock"
PARALLELISM = "10"  # Terraform's own default
STATE_USER = "run"  # the http backend only has Basic authentication; the password is the run's token


@dataclass(frozen=True)
class Surroundings:
    """Paths as the engine sees them, and what else depends on where it runs."""

    home: str
    search_path: str
    cli_configuration: str
    knows_state_environment: bool  # TF_HTTP_…: https://github.com/hashicorp/terraform/pull/25439


def build_environment(job: StageJob, surroundings: Surroundings) -> tuple[dict[str, str], list[str]]:
    """The engine's whole environment, and a sentence for each workspace variable that didn't get into it as it is."""
    preset = _preset(job, surroundings)
    chosen, notes = _chosen(job.variables)
    overruled = sorted(key for key in chosen if key in preset and chosen[key] != preset[key])
    notes += [f"The environment variable {key} of the workspace was overruled: Runlock sets it." for key in overruled]
    return {**chosen, **preset}, notes


def without_switches(environment: Mapping[str, str]) -> dict[str, str]:
    """The same for our own questions to the engine: no extra arguments, no debug log in the answer."""
    return {key: value for key, value in environment.items() if not key.startswith(("TF_CLI_ARGS", "TF_LOG"))}


def _chosen(variables: Iterable[VariableValue]) -> tuple[dict[str, str], list[str]]:
    chosen: dict[str, str] = {}
    notes = []
    for variable in variables:
        if variable.category is not Category.ENVIRONMENT:
            continue
        if is_refused_environment(variable.key):
            notes.append(f"The environment variable {shown(variable.key)} was left out: it could redirect the run.")
        elif not _NAME.match(variable.key) or "\0" in variable.value:
            notes.append(f"The environment variable {shown(variable.key)!r} was left out: it can't be one.")
        else:
            chosen[variable.key] = variable.value
    return chosen, notes


def _preset(job: StageJob, surroundings: Surroundings) -> dict[str, str]:
    facts = {
        "TFC_RUN_ID": job.run_id,
        "TFC_WORKSPACE_NAME": job.workspace,
        "TFC_WORKSPACE_SLUG": job.slug,
        "TFC_PROJECT_NAME": job.project,
        "TFC_CONFIGURATION_VERSION_GIT_BRANCH": job.branch,
        "TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA": job.commit_sha,
        "TFC_CONFIGURATION_VERSION_GIT_TAG": job.tag,
    }
    state = {
        "TF_HTTP_ADDRESS": job.state_url,
        "TF_HTTP_USERNAME": STATE_USER,
        "TF_HTTP_PASSWORD": job.run_token,
        "TF_HTTP_RETRY_MAX": "5",  # waits 1 + 2 + 4 + 8 + 16 seconds: a server that restarts loses no state
    }
    return {
        "PATH": surroundings.search_path,
        "HOME": surroundings.home,
        "TMPDIR": surroundings.home,
        "LANG": "C.UTF-8",
        "TFE_TOKEN": job.run_token,
        "ATLAS_TOKEN": job.run_token,
        "TFE_ADDRESS": job.address,
        "ATLAS_ADDRESS": job.address,
        "CHECKPOINT_DISABLE": "1",
        "TF_INPUT": "0",
        "TF_IN_AUTOMATION": "1",
        "TF_APPEND_USER_AGENT": USER_AGENT,
        "TFE_PARALLELISM": PARALLELISM,
        "TF_ATLAS_PARALLELISM": PARALLELISM,
        "TF_CLI_CONFIG_FILE": surroundings.cli_configuration,
        **facts,
        **{f"TF_VAR_{name}": value for name, value in facts.items()},
        **(state if surroundings.knows_state_environment else {}),
    }
