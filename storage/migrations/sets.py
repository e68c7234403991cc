"""Which databases have tables? Each set is applied in the order in which its files are imported."""

from sqlite_utils import Migrations

records = Migrations("records")
inbox = Migrations("inbox")
