"""How is a run asked for by hand, and read?"""

from flask import Response

from bot.errors import NotFound, Refused
from bot.manifest import Category, VariableValue
from bot.needs import Needs
from bot.run_options import RunOptions
from bot.workspace import Workspace
from bot.workspace_settings import LATEST
from handlers.api.ask import Ask, Rule
from handlers.api.configuration_versions import configuration_seen, source_of_request
from handlers.api.documents import one
from handlers.api.operations import includes, makes, shows
from handlers.api.requests import Body, asked_includes, read_body
from handlers.api.run_documents import INCLUDES, RunDocuments
from handlers.reactions.asked_runs import Wish, make_asked_run
from storage.configuration_versions import ConfigurationVersion
from storage.variables import check_variable

LONGEST_MESSAGE = 1_000  # characters


@makes("runs", takes="run")
def create(ask: Ask) -> Response:
    """A run by hand: of a configuration version that is named, else of the workspace's newest configuration."""
    body = read_body()
    workspace_id = body.related_id("workspace")
    if workspace_id is None:
        raise Refused("a run names its workspace, as a relationship")
    workspace = ask.asker.workspace(workspace_id)
    run, jobs = make_asked_run(ask.services, workspace, _wish(ask, workspace, body))
    ask.enqueue(jobs)
    return one(RunDocuments(ask.asker, [run]).resource(run), status=201)


@shows("runs", includes(INCLUDES))
def show(ask: Ask, run_id: str) -> Response:
    includes = asked_includes(INCLUDES)
    run, _ = ask.asker.run(run_id)
    documents = RunDocuments(ask.asker, [run])
    return one(documents.resource(run), included=documents.included_of([run], includes))


def _wish(ask: Ask, workspace: Workspace, body: Body) -> Wish:
    may_apply = ask.asker.may(Needs.RUNS_APPLY, workspace)
    if body.flag("allow-empty-apply") and not may_apply:
        raise Refused(f"allow-empty-apply applies by itself: it takes permission to apply in {workspace.name}")
    _check_engine_version(workspace, body.text("terraform-version").strip())
    return Wish(
        who=ask.username,
        who_id=ask.asker.who.id,
        source=source_of_request(),
        may_apply=may_apply,
        version=_version(ask, workspace, body.related_id("configuration-version")),
        plan_only=body.flag("plan-only"),
        save_plan=bool(body.flag("save-plan")),
        auto_apply=body.flag("auto-apply"),
        is_destroy=bool(body.flag("is-destroy")),
        message=body.text("message", most=LONGEST_MESSAGE),
        options=_options(workspace, body),
        variables=_variables(body),
    )


def _check_engine_version(workspace: Workspace, wanted: str) -> None:
    """TFE lets a plan-only run have a version of its own. Raises Refused: here nothing would take it into account."""
    if wanted and wanted != (workspace.engine_version or LATEST):
        raise Refused(f"a run has the terraform-version of its workspace: change {workspace.name}'s, not the run's")


def _version(ask: Ask, workspace: Workspace, version_id: str | None) -> ConfigurationVersion | None:
    """One that the asker may read, of this workspace or of its repository. Raises Refused."""
    if version_id is None:
        return None
    missing = Refused(f"{workspace.name} has no configuration version {version_id}")
    try:
        version, _ = configuration_seen(ask.needing(Needs.RUNS_READ), version_id)
    except NotFound as error:
        raise missing from error
    own = version.workspace_id == workspace.id
    if not own and (version.workspace_id is not None or version.repository_id != workspace.repository_id):
        raise missing
    return version


def _options(workspace: Workspace, body: Body) -> RunOptions:
    return RunOptions(
        refresh=body.flag("refresh") is not False,
        refresh_only=bool(body.flag("refresh-only")),
        targets=_addresses(body, "target-addrs"),
        replaces=_addresses(body, "replace-addrs"),
        generates_configuration=bool(body.flag("allow-config-generation")),
        allows_empty_apply=bool(body.flag("allow-empty-apply")),
        structured_output=workspace.structured_run_output,
        drawn_by_client=workspace.structured_run_output or bool(body.flag("save-plan")),
    )


def _addresses(body: Body, name: str) -> tuple[str, ...]:
    value = body.attributes.get(name) or []
    if not isinstance(value, list) or not all(isinstance(address, str) for address in value):
        raise Refused(f"{name} is a list of resource addresses")
    return tuple(value)


def _variables(body: Body) -> tuple[VariableValue, ...]:
    """The run's own values, each written as HCL (tfe-contract 2.4). Raises Refused for what a run would fail with."""
    value = body.attributes.get("variables") or []
    well_formed = isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("key"), str) and isinstance(each.get("value"), str)
        for each in value
    )
    if not well_formed:
        raise Refused("variables is a list of objects with key and value, the value as HCL text")
    by_key = {each["key"]: each["value"] for each in value}
    found = tuple(VariableValue(key, text, Category.TERRAFORM, hcl=True) for key, text in by_key.items())
    for variable in found:
        check_variable(variable)
    return found


RULES: tuple[Rule, ...] = (
    ("POST", "/runs", create, Needs.RUNS_PLAN),
    ("GET", "/runs/<run_id>", show, Needs.RUNS_READ),
)
