"""A data folder whose databases have their tables already: making those takes longer than many a test."""

import functools
import tempfile
from pathlib import Path

from storage import migrations
from storage.database import Records


def with_tables(data: Path) -> Path:
    """The same folder, with new databases in it if it has none. What opens them makes all else."""
    folder = data / "server"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in _databases().items():
        if not (folder / name).exists():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
    return data


@functools.cache
def _databases() -> dict[str, bytes]:
    """Each by its name in the server's folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, tables in (("records.db", migrations.records), ("inbox.db", migrations.inbox)):
            Records(Path(folder) / name, tables).close()
        return {path.name: path.read_bytes() for path in Path(folder).glob("*.db")}
