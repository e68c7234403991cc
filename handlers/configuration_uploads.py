"""How does a configuration come in? As an archive under an address that authenticates by itself, looked through whole.

Clients send no `Authorization` with an upload (tfe-contract 0.7): the secret is in the path.
"""

import hashlib
import hmac
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from bot.errors import NotAllowed, NotFound, Refused
from bot.ids import BlobId
from bot.needs import Needs
from bot.runner.archive_check import check_archive
from bot.runner.trees import remove
from handlers.jobs import Job
from handlers.reactions.asked_runs import run_of_upload
from handlers.services import Services
from handlers.still_allowed import may_still
from handlers.turns import Turns
from storage.configuration_versions import ConfigurationStatus, ConfigurationVersion

# What is unpacked takes up to some GB of disk for a moment, and half a GB of memory: so few at a time in each web
# process, and not many that wait, for each holds one of its threads.
turns = Turns(at_once=2, most_waiting=6)
LONGEST_WAIT_SECONDS = 20.0
UPLOAD_WITHIN = timedelta(hours=1)  # then the address is dead
PIECE_BYTES = 1 << 20
BUSY = "others' configurations are being looked through; try it again in a minute"


def upload_path(services: Services, version: ConfigurationVersion) -> str:
    return f"/api/v2/uploads/{version.id}/{_mark(services, version)}"


def expected_upload(services: Services, version_id: str, mark: str) -> ConfigurationVersion:
    """The configuration version that such an address is for. Raises NotFound for a wrong or an old one."""
    version = services.configurations.find(version_id)
    known = version is not None and hmac.compare_digest(mark.encode(), _mark(services, version).encode())
    if version is None or not known or services.now() > version.created_at + UPLOAD_WITHIN:
        raise NotFound("there is no such upload, or its address is too old")
    return version


def refuse_larger(services: Services, version: ConfigurationVersion, size: int, largest: int) -> None:
    """Raises Refused, with the reason kept on the version, for an archive that says that it is too large."""
    if version.status is ConfigurationStatus.PENDING and size > largest:
        with _reason_kept(services, version):
            raise Refused(_too_large(largest))


def take_in(services: Services, version: ConfigurationVersion, archive: BinaryIO, largest: int) -> list[Job]:
    """Keep the archive (tar or tar.gz), and make the run that it makes by itself; the jobs that follow.

    Raises Refused, with the reason kept on the version, for what can't be run; also for an archive that is kept, but
    of which the workspace makes no run. Raises NotAllowed if whoever asked for the upload may make no run any more, and
    OutsideTrouble if too many others are being looked through just now, or the disk is full: it may be sent again.

    It is unpacked once, where nothing reads it, in a process of its own, by the very code with which a runner will:
    what is refused here would be refused there, and nobody has to wait for a plan to learn it.
    """
    if version.status is not ConfigurationStatus.PENDING:
        raise Refused(f"configuration version {version.id} is {version.status} already")
    with tempfile.TemporaryDirectory(dir=services.settings.server_folder) as folder:
        kept = Path(folder) / "archive"
        with _reason_kept(services, version):
            _receive(archive, kept, largest)
        with turns.turn(version.author_id, LONGEST_WAIT_SECONDS, BUSY), _reason_kept(services, version):
            _look_through(kept, Path(folder) / "tree")
        with open(kept, "rb") as file:
            blob_id, _ = services.blobs.put_stream(file)
    return _keep(services, version, blob_id)


def _keep(services: Services, version: ConfigurationVersion, blob_id: BlobId) -> list[Job]:
    """The archive and its run in one transaction: nobody would come back for a run that wasn't made."""
    jobs: list[Job] = []
    with services.records.write():
        refused: Refused | None = _why_not_any_more(services, version)
        is_kept = refused is None and services.configurations.uploaded(version.id, blob_id)
        if is_kept and version.auto_queue_runs and not version.provisional:
            try:
                jobs = run_of_upload(services, services.configurations.get(version.id))
            except Refused as no_run:
                refused = no_run  # raised behind the transaction: the archive stays
    if not is_kept:
        services.blobs.remove(blob_id)
        refused = refused or Refused(
            f"configuration version {version.id} was uploaded by somebody else at this very moment"
        )
    if refused is not None:
        raise refused
    return jobs


def _why_not_any_more(services: Services, version: ConfigurationVersion) -> NotAllowed | None:
    """The address authenticates, but it isn't a right: whoever got it must still be one who may ask for a run.

    The reason is kept on the version.
    """
    workspace = services.workspaces.get(version.workspace_id or "")
    if may_still(services, version.author_id, Needs.RUNS_PLAN, workspace, by_token=True):
        return None
    refused = NotAllowed(f"{version.author}, who asked for this upload, may not make runs in {workspace.name} any more")
    services.configurations.refused(version.id, refused.reason)
    return refused


@contextmanager
def _reason_kept(services: Services, version: ConfigurationVersion) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        services.configurations.refused(version.id, refused.reason)
        raise


def _look_through(archive: Path, tree: Path) -> None:
    tree.mkdir()
    try:
        check_archive(archive, tree)
    finally:
        remove(tree)


def _receive(archive: BinaryIO, path: Path, largest: int) -> None:
    """Write what comes to a file. Raises Refused if it is more than `largest` bytes, however long it would go on."""
    size = 0
    with open(path, "wb") as file:
        while piece := archive.read(PIECE_BYTES):
            size += len(piece)
            if size > largest:
                raise Refused(_too_large(largest))
            file.write(piece)


def _too_large(largest: int) -> str:
    return f"the configuration is too large: its archive has more than {largest // 10**6} MB"


def _mark(services: Services, version: ConfigurationVersion) -> str:
    key = services.keyring.derive("configuration uploads")
    return hmac.new(key, version.id.encode(), hashlib.sha256).hexdigest()
