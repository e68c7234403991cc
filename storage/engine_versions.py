"""Which versions of Terraform has the site registered, and who uses them?"""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

from packaging.version import Version

from bot.errors import NotFound, Refused
from bot.terraform_version import TerraformVersion, rank, read_archives
from bot.timestamps import from_text, to_text
from bot.version_constraint import exact_version
from bot.workspace import EngineName
from storage.database import Records, Row
from storage.ids import new_id
from storage.run_filter import UNFINISHED

MOST_VERSIONS = 1_000  # registered; a runner's job may tell of all of them
_ENGINE = "coalesce(json_extract(settings, '$.engine'), 'terraform')"
_ASKED_FOR = "json_extract(settings, '$.engine_version')"


class EngineVersions:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(self, version: TerraformVersion) -> TerraformVersion:
        """With an id and a time of its own. Raises Refused if it is registered already, or there are too many."""
        made = replace(version, id=new_id("tool"), created_at=self._now())
        with self._records.write():
            self._check_free(made)
            if int(self._records.value("SELECT count(*) FROM engine_versions")) >= MOST_VERSIONS:
                raise Refused(f"at most {MOST_VERSIONS} versions can be registered")
            self._records.insert("engine_versions", _row(made))
        return self.get(made.id)

    def change(self, before: TerraformVersion, after: TerraformVersion) -> TerraformVersion:
        """Raises NotFound if it is gone; Refused for another number that is registered, or if the old one is used."""
        row = _row(replace(after, id=before.id, created_at=before.created_at))
        settings = ", ".join(f"{name} = :{name}" for name in row)
        with self._records.write():
            if after.number != before.number:
                self._check_free(after)
                self._check_unused(before)
            if not self._records.change(f"UPDATE engine_versions SET {settings} WHERE id = :id", row):
                raise NotFound(f"there is no Terraform version {before.id}")
        return self.get(before.id)

    def remove(self, version_id: str) -> None:
        """Raises NotFound; Refused for an official one, and for one that a workspace or an unfinished run uses."""
        with self._records.write():
            found = self.get(version_id)
            if found.official:
                raise Refused(f"Terraform {found.version} is an official version: disable it instead")
            self._check_unused(found)
            self._records.change("DELETE FROM engine_versions WHERE id = ?", (found.id,))

    def get(self, version_id: str) -> TerraformVersion:
        """Raises NotFound."""
        row = self._records.row("SELECT * FROM engine_versions WHERE id = ?", (version_id,))
        if row is None:
            raise NotFound(f"there is no Terraform version {version_id}")
        return _version(row)

    def of_number(self, number: Version) -> TerraformVersion | None:
        """What is registered of a version, however it is written."""
        row = self._records.row("SELECT * FROM engine_versions WHERE rank = ?", (rank(number),))
        found = _version(row) if row else None
        return found if found and found.number == number else None

    def page(
        self, *, exactly: str = "", search: str = "", limit: int, offset: int = 0
    ) -> tuple[list[TerraformVersion], int]:
        """The newest version first, and how many there are. `exactly` a version, else `search`: a part of one."""
        where, value = ("version = ?", exactly) if exactly else ("instr(version, ?)", search)
        rows = self._records.rows(
            f"SELECT * FROM engine_versions WHERE {where} ORDER BY rank DESC LIMIT ? OFFSET ?", (value, limit, offset)
        )
        total = self._records.value(f"SELECT count(*) FROM engine_versions WHERE {where}", (value,))
        return [_version(row) for row in rows], int(total)

    def all(self) -> list[TerraformVersion]:
        """At most `MOST_VERSIONS`, the newest version first."""
        return self.page(limit=MOST_VERSIONS)[0]

    def usage(self) -> dict[Version, int]:
        """How many workspaces are set to exactly a version. A constraint is the use of no version."""
        rows = self._records.rows(
            f"""SELECT {_ASKED_FOR} AS text, count(*) AS number FROM workspaces
                WHERE {_ENGINE} = ? AND {_ASKED_FOR} > '' GROUP BY 1""",
            (EngineName.TERRAFORM,),
        )
        found: dict[Version, int] = {}
        for row in rows:
            number = exact_version(row["text"])
            if number is not None:
                found[number] = found.get(number, 0) + row["number"]
        return found

    def _check_free(self, version: TerraformVersion) -> None:
        if self.of_number(version.number) is not None:
            raise Refused(f"Terraform {version.version} is registered already")

    def _check_unused(self, version: TerraformVersion) -> None:
        used = self.usage().get(version.number, 0)
        if used:
            many = "1 workspace is" if used == 1 else f"{used} workspaces are"
            raise Refused(f"{many} set to Terraform {version.version}: give them another version first")
        # Its apply must find the engine with which it was planned.
        begun = self._records.row(
            f"""SELECT run_id FROM stage_jobs WHERE engine = ? AND engine_version = ?
                AND run_id IN (SELECT id FROM runs WHERE {UNFINISHED}) LIMIT 1""",
            (EngineName.TERRAFORM, str(version.number)),
        )
        if begun is not None:
            raise Refused(f"{begun['run_id']} was begun with Terraform {version.version} and is not finished")


def _row(version: TerraformVersion) -> Row:
    return {
        "id": version.id,
        "version": version.version,
        "rank": rank(version.number),
        "archives": json.dumps([asdict(archive) for archive in version.archives]),
        "official": int(version.official),
        "enabled": int(version.enabled),
        "beta": int(version.beta),
        "deprecated": int(version.deprecated),
        "deprecated_reason": version.deprecated_reason,
        "created_at": to_text(version.created_at),
    }


def _version(row: Row) -> TerraformVersion:
    flags = {name: bool(row[name]) for name in ("official", "enabled", "beta", "deprecated")}
    return TerraformVersion(
        id=row["id"],
        version=row["version"],
        created_at=from_text(row["created_at"]),
        archives=read_archives(json.loads(row["archives"])),
        deprecated_reason=row["deprecated_reason"],
        **flags,
    )
