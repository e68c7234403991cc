"""What may be a variable of a workspace, and what comes out of the store."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.ids import OrganizationId, WorkspaceId
from bot.manifest import Category
from storage import migrations
from storage.database import Records
from storage.encryption import Keyring
from storage.people import People
from storage.teams import Teams
from storage.variables import Variables
from storage.workspaces import Workspaces
from tests.fakes.door_world import Clock


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records(tmp_path / "records.db", migrations.records)
    yield records
    records.close()


@pytest.fixture
def variables(records: Records) -> Variables:
    return Variables(records, Keyring(b"k" * 32))


@pytest.fixture
def workspace_id(records: Records) -> WorkspaceId:
    organization = People(records, Teams(records, Clock()), Clock()).add_organization("acme", "ops@acme.test")
    return Workspaces(records, Clock()).add(OrganizationId(organization.id), "prod").id


@pytest.mark.parametrize(
    "key",
    ["TF_WORKSPACE", "tf_data_dir", "TF_CLI_CONFIG_FILE", "TF_HTTP_ADDRESS", "LD_PRELOAD", "TF_REATTACH_PROVIDERS"],
)
def test_what_would_redirect_the_engine_is_refused(variables: Variables, workspace_id: WorkspaceId, key: str) -> None:
    """Invariant 10: no word of a person's becomes a switch of the engine's own."""
    with pytest.raises(Refused):
        variables.set(workspace_id, key, "x", Category.ENVIRONMENT)

    assert variables.all(workspace_id) == []


@pytest.mark.parametrize("key", ["", "1st", "a b", "a=b", "a\nb", "ä", "a" * 257, "-n$(x)", "a\0b"])
def test_a_key_that_no_engine_has_is_refused(variables: Variables, workspace_id: WorkspaceId, key: str) -> None:
    with pytest.raises(Refused):
        variables.set(workspace_id, key, "x")


def test_two_who_set_the_same_variable_at_once_leave_one_that_can_be_read(
    variables: Variables, workspace_id: WorkspaceId, records: Records
) -> None:
    """The value is sealed for its variable's id; both think at first that they make it."""
    gate = threading.Barrier(4)

    def work(value: str) -> None:
        gate.wait()
        variables.set(workspace_id, "greeting", value)

    threads = [threading.Thread(target=work, args=(f"value {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (found,) = variables.all(workspace_id)
    assert found.value.startswith("value ")


def test_a_value_is_not_on_the_disk(variables: Variables, workspace_id: WorkspaceId, records: Records) -> None:
    """Invariant 11"""
    variables.set(workspace_id, "password", "correct-horse-battery", sensitive=True)

    for file in records.path.parent.iterdir():
        assert b"correct-horse-battery" not in file.read_bytes()
