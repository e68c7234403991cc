"""Which variables does a workspace have, or a variable set? Every value is sealed; a sensitive one never comes out."""

from collections.abc import Collection
from dataclasses import dataclass, field

from bot.errors import NotFound, Refused
from bot.hcl_values import check_hcl, is_name
from bot.ids import VariableId, VariableSetId, WorkspaceId
from bot.manifest import Category, VariableValue, is_refused_environment
from storage.database import Records, Row
from storage.encryption import Keyring
from storage.ids import new_id

VariableOwner = WorkspaceId | VariableSetId


@dataclass(frozen=True)
class Variable:
    """`value` is for runs; a door that shows a variable asks `shown_value`."""

    id: VariableId
    owner_id: VariableOwner
    key: str
    value: str = field(repr=False)
    category: Category
    hcl: bool
    sensitive: bool
    description: str

    @property
    def shown_value(self) -> str | None:
        return None if self.sensitive else self.value

    @property
    def as_value(self) -> VariableValue:
        return VariableValue(self.key, self.value, self.category, self.hcl, self.sensitive)


class Variables:
    """The variables of one kind of owner, which has a table of its own."""

    def __init__(
        self, records: Records, keyring: Keyring, table: str = "variables", owner: str = "workspace_id"
    ) -> None:
        self._records = records
        self._keyring = keyring
        self._table = table
        self._owner = owner

    def set(
        self,
        owner_id: VariableOwner,
        key: str,
        value: str,
        category: Category = Category.TERRAFORM,
        *,
        hcl: bool = False,
        sensitive: bool = False,
        description: str = "",
    ) -> Variable:
        """Make or replace the variable of that category and key. Later runs see it; runs that exist don't.

        Raises Refused for a key that an engine can't have, or that would redirect the engine, and for broken HCL.
        """
        check_variable(VariableValue(key, value, category, hcl))
        with self._records.write():
            known = self._by_key(owner_id, key, category)
            # The value is sealed for its variable's id: looked up in the transaction, or two at once would spoil it.
            variable_id = known.id if known else VariableId(new_id("var"))
            sealed = self._keyring.seal_text(value, f"variable {variable_id}")
            self._records.change(
                f"""INSERT INTO {self._table} (id, {self._owner}, key, value, category, hcl, sensitive, description)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ({self._owner}, category, key) DO UPDATE
                   SET value = excluded.value, hcl = excluded.hcl, sensitive = excluded.sensitive,
                       description = excluded.description""",
                (variable_id, owner_id, key, sealed, category, int(hcl), int(sensitive), description),
            )
        return self.get(variable_id)

    def change(self, changed: Variable) -> Variable:
        """Save a variable that keeps its id. Later runs see it; runs that exist don't.

        Raises Refused for a bad key or broken HCL, NotFound if it is gone, sqlite3.IntegrityError if another one has
        its key.
        """
        check_variable(changed.as_value)
        sealed = self._keyring.seal_text(changed.value, f"variable {changed.id}")
        self._records.change(
            f"""UPDATE {self._table} SET key = ?, value = ?, category = ?, hcl = ?, sensitive = ?, description = ?
               WHERE id = ?""",
            (
                *(changed.key, sealed, changed.category, int(changed.hcl), int(changed.sensitive)),
                *(changed.description, changed.id),
            ),
        )
        return self.get(changed.id)

    def find(self, owner_id: VariableOwner, key: str, category: Category) -> Variable | None:
        return self._by_key(owner_id, key, category)

    def all(self, owner_id: VariableOwner) -> list[Variable]:
        rows = self._records.rows(
            f"SELECT * FROM {self._table} WHERE {self._owner} = ? ORDER BY category, key", (owner_id,)
        )
        return [self._variable(row) for row in rows]

    def all_of_each(self, owner_ids: Collection[VariableOwner]) -> dict[str, list[Variable]]:
        """The same of several owners at once; those without any are left out."""
        rows = self._records.rows(
            f"""SELECT * FROM {self._table} WHERE {self._owner} IN ({", ".join("?" * len(owner_ids))})
                ORDER BY category, key""",
            tuple(owner_ids),
        )
        found: dict[str, list[Variable]] = {}
        for row in rows:
            found.setdefault(row[self._owner], []).append(self._variable(row))
        return found

    def page(self, owner_id: VariableOwner, *, limit: int, offset: int = 0) -> tuple[list[Variable], int]:
        """By category and key, and how many there are in all."""
        total = self._records.value(f"SELECT count(*) FROM {self._table} WHERE {self._owner} = ?", (owner_id,))
        rows = self._records.rows(
            f"SELECT * FROM {self._table} WHERE {self._owner} = ? ORDER BY category, key LIMIT ? OFFSET ?",
            (owner_id, limit, offset),
        )
        return [self._variable(row) for row in rows], int(total)

    def get(self, variable_id: str) -> Variable:
        """Raises NotFound."""
        row = self._records.row(f"SELECT * FROM {self._table} WHERE id = ?", (variable_id,))
        if row is None:
            raise NotFound(f"there is no variable {variable_id}")
        return self._variable(row)

    def remove(self, variable_id: VariableId) -> None:
        self._records.change(f"DELETE FROM {self._table} WHERE id = ?", (variable_id,))

    def _by_key(self, owner_id: VariableOwner, key: str, category: Category) -> Variable | None:
        row = self._records.row(
            f"SELECT * FROM {self._table} WHERE {self._owner} = ? AND key = ? AND category = ?",
            (owner_id, key, category),
        )
        return self._variable(row) if row else None

    def _variable(self, row: Row) -> Variable:
        return Variable(
            **{
                **{name: value for name, value in row.items() if name != self._owner},
                "owner_id": row[self._owner],
                "value": self._keyring.open_text(row["value"], f"variable {row['id']}"),
                "category": Category(row["category"]),
                "hcl": bool(row["hcl"]),
                "sensitive": bool(row["sensitive"]),
            }
        )


def check_variable(variable: VariableValue) -> None:
    """Raises Refused for what a run could only fail with: a key as below, or HCL that is not one complete value."""
    check_key(variable.key, variable.category)
    if variable.hcl and variable.category is Category.ENVIRONMENT:
        raise Refused("an environment variable is plain text: it can't be HCL")
    if variable.hcl:
        check_hcl(variable)


def check_key(key: str, category: Category) -> None:
    """Raises Refused for a key that no engine could have, or that DESIGN section 5 keeps for the runner."""
    if not is_name(key) or len(key) > 256:
        raise Refused("a variable's key has letters, digits, - and _, and begins with a letter or _")
    if category is Category.ENVIRONMENT and is_refused_environment(key):
        raise Refused(f"{key} can't be set: it would point the engine at other state or other code")
