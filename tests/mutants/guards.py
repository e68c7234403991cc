"""Which guard holds which invariant of DESIGN section 4, and which story fails when it is taken out?

`make mutants` takes each of them out in turn, in a copy, and fails unless the named test does. A guard that is written
anew is written anew in its table, `guards_of_….py`: `test_guards.py` compares the two.
"""

from tests.mutants.guards_of_deliveries import DELIVERIES
from tests.mutants.guards_of_foreign_text_and_code import FOREIGN_TEXT_AND_CODE
from tests.mutants.guards_of_interrupted_applies import INTERRUPTED_APPLIES
from tests.mutants.guards_of_reports import REPORTS
from tests.mutants.guards_of_the_plan import THE_PLAN
from tests.mutants.guards_of_the_queue import THE_QUEUE
from tests.mutants.guards_of_who_may import WHO_MAY
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *DELIVERIES,
    *THE_PLAN,
    *THE_QUEUE,
    *REPORTS,
    *INTERRUPTED_APPLIES,
    *FOREIGN_TEXT_AND_CODE,
    *WHO_MAY,
)
