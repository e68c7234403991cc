"""Over which protocol does a run's engine get at its state? Ours to choose: whatever the configuration declares.

Terraform from 1.1 on takes the `cloud` backend, executed on the spot (`TF_FORCE_LOCAL_BACKEND`): `terraform.workspace`
is the workspace's name then, and outputs and snapshots come with the state. What is older has no `cloud` block, and its
`remote` backend calls the workspace "default" as `http` does. OpenTofu keeps `http`: it was not tried with `cloud`.
Tried with 0.11.11, 1.0.3, 1.11.4 and 1.15.5.
"""

import json
from enum import StrEnum
from typing import Any

from packaging.version import Version

from bot.runner.engine_versions import Engine
from bot.runner.job import StageJob
from bot.workspace import EngineName

KNOWS_CLOUD = Version("1.1")
SERVICES = ("state.v2", "tfe.v2", "tfe.v2.1", "tfe.v2.2")


class StateBackend(StrEnum):
    HTTP = "http"
    CLOUD = "cloud"


def backend_for(engine: Engine, job: StageJob) -> StateBackend:
    """`cloud` where the engine knows it and the server has an API to speak it with."""
    knows_it = engine.name is EngineName.TERRAFORM and engine.version >= KNOWS_CLOUD
    return StateBackend.CLOUD if knows_it and job.api_url else StateBackend.HTTP


def override(backend: StateBackend, job: StageJob) -> bytes:
    """The content of the file that overrules what the configuration declares (JSON syntax)."""
    block: dict[str, Any] = {"backend": {"http": {}}}
    if backend is StateBackend.CLOUD:
        workspaces = {"name": job.workspace}
        block = {"cloud": {"hostname": job.hostname, "organization": job.organization, "workspaces": workspaces}}
    return json.dumps({"terraform": block}).encode() + b"\n"


def cli_configuration(backend: StateBackend, job: StageJob) -> str:
    """Where the API is, without asking for it, and the token: in a file of this stage, so that no plan file has it.

    Source: https://developer.hashicorp.com/terraform/cli/config/config-file#credentials-1
    """
    if backend is StateBackend.HTTP:
        return ""
    services = "".join(f"    {json.dumps(name)} = {json.dumps(job.api_url)}\n" for name in SERVICES)
    host = json.dumps(job.hostname)
    return (
        f"host {host} {{\n  services = {{\n{services}  }}\n}}\n"
        f"credentials {host} {{\n  token = {json.dumps(job.run_token)}\n}}\n"
    )


def environment(backend: StateBackend, job: StageJob) -> dict[str, str]:
    """`cloud` is executed by the engine itself, as an agent of ours would."""
    if backend is StateBackend.HTTP:
        return {}
    # Import blocks are refused in a run whose agent is older than 1.10: https://github.com/hashicorp/terraform
    return {"TF_FORCE_LOCAL_BACKEND": "1", "TFE_RUN_ID": job.run_id, "TFC_AGENT_VERSION": "1.28.0"}
