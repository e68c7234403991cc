"""What is still to be told of runs, and to whom? Rows that are written in the transaction of the step they tell of."""

import json
from collections.abc import Callable, Collection
from datetime import datetime

from bot.ids import NotificationConfigurationId
from bot.notifications import (
    MOST_TRIES,
    STALE,
    Answer,
    Notification,
    Trigger,
    seconds_to_wait,
)
from bot.run import Run, RunStatus
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.lanes import Lanes

ANSWERS_KEPT = 10  # of a configuration
PORTION = 200  # rows that are removed in one transaction


class Notifications:
    """One row per configuration, run and trigger, so that a step is told once, however often it is noted."""

    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now
        self.lanes = Lanes(records.path.parent / "lanes")  # one sender at a time

    def note(self, run: Run, trigger: Trigger, actor: str) -> list[NotificationConfigurationId]:
        """Write down that the run's step is to be told; the configurations that want it told."""
        rows = self._records.rows(
            "SELECT id, triggers FROM notification_configurations WHERE workspace_id = ? AND enabled",
            (run.workspace_id,),
        )
        wanting = [NotificationConfigurationId(row["id"]) for row in rows if trigger in json.loads(row["triggers"])]
        for configuration_id in wanting:
            self._records.change(
                """INSERT INTO notifications (configuration_id, run_id, occasion, run_status, actor, at)
                   VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
                (configuration_id, run.id, trigger, run.status, actor, to_text(self._now())),
            )
        return wanting

    def due(self, configuration_id: str) -> Notification | None:
        """The oldest that is not told yet, if its time has come: a receiver is told everything in its order."""
        row = self._records.row(
            "SELECT * FROM notifications WHERE configuration_id = ? AND outcome = 'waiting' ORDER BY id LIMIT 1",
            (configuration_id,),
        )
        return _notification(row) if row and row["not_before"] <= self._now().timestamp() else None

    def seconds_until_due(self, configuration_id: str) -> float | None:
        """When the configuration has something to tell: 0 is now, None is never."""
        moment = self._records.value(
            """SELECT not_before FROM notifications WHERE configuration_id = ? AND outcome = 'waiting'
               ORDER BY id LIMIT 1""",
            (configuration_id,),
        )
        return None if moment is None else max(0.0, float(moment) - self._now().timestamp())

    def due_configurations(self) -> list[NotificationConfigurationId]:
        """Those whose oldest can be told now."""
        rows = self._records.rows(
            """SELECT configuration_id FROM (SELECT configuration_id, min(id), not_before FROM notifications
                 WHERE outcome = 'waiting' GROUP BY configuration_id) WHERE not_before <= ?""",
            (self._now().timestamp(),),
        )
        return [NotificationConfigurationId(row["configuration_id"]) for row in rows]

    def begin(self, notification: Notification) -> int:
        """Count the try before the call, and put the next one off: the call may end this process. How many tries."""
        tries = notification.tries + 1
        not_before = self._now().timestamp() + seconds_to_wait(tries)
        self._records.change(
            "UPDATE notifications SET tries = ?, not_before = ? WHERE id = ?", (tries, not_before, notification.id)
        )
        return tries

    def told(self, notification: Notification, answer: Answer) -> None:
        """It has arrived; it is never sent again."""
        with self._records.write():
            self._records.change("UPDATE notifications SET outcome = 'sent' WHERE id = ?", (notification.id,))
            self.keep_answer(notification.configuration_id, answer)

    def failed(self, notification: Notification, answer: Answer, tries: int) -> bool:
        """Keep the answer; after the last try give it up, and with it what has waited too long behind it."""
        is_over = tries >= MOST_TRIES
        with self._records.write():
            self.keep_answer(notification.configuration_id, answer)
            if is_over:
                self._records.change(
                    """UPDATE notifications SET outcome = 'given up'
                       WHERE configuration_id = ? AND outcome = 'waiting' AND (id = ? OR at < ?)""",
                    (notification.configuration_id, notification.id, to_text(self._now() - STALE)),
                )
        return is_over

    def keep_answer(self, configuration_id: NotificationConfigurationId, answer: Answer) -> None:
        """Keep what a receiver said, and forget all but the last few."""
        with self._records.write():
            self._records.insert(
                "notification_answers",
                {
                    "configuration_id": configuration_id,
                    "sent_at": to_text(self._now()),
                    "code": answer.code,
                    "body": answer.body,
                    "headers": json.dumps(answer.headers),
                    "trouble": answer.trouble,
                },
            )
            self._records.change(
                """DELETE FROM notification_answers WHERE configuration_id = ? AND id NOT IN (
                     SELECT id FROM notification_answers WHERE configuration_id = ? ORDER BY id DESC LIMIT ?)""",
                (configuration_id, configuration_id, ANSWERS_KEPT),
            )

    def answers(
        self, configuration_ids: Collection[NotificationConfigurationId]
    ) -> dict[NotificationConfigurationId, list[tuple[datetime, Answer]]]:
        """What each receiver said last, and when; newest first. Those that said nothing yet are left out."""
        marks = ", ".join("?" * len(configuration_ids))
        sql = f"SELECT * FROM notification_answers WHERE configuration_id IN ({marks}) ORDER BY id DESC"
        found: dict[NotificationConfigurationId, list[tuple[datetime, Answer]]] = {}
        for row in self._records.rows(sql, tuple(configuration_ids)):
            answer = Answer(row["code"], row["body"], json.loads(row["headers"]), row["trouble"])
            found.setdefault(row["configuration_id"], []).append((from_text(row["sent_at"]), answer))
        return found

    def forget_over(self, before: datetime) -> int:
        """Remove what was told, or given up, of steps before that moment; how many."""
        removed = 0
        while True:  # in portions: others wait for the writer
            portion = self._records.change(
                """DELETE FROM notifications WHERE id IN (
                     SELECT id FROM notifications WHERE outcome != 'waiting' AND at < ? LIMIT ?)""",
                (to_text(before), PORTION),
            )
            removed += portion
            if portion < PORTION:
                return removed


def _notification(row: Row) -> Notification:
    return Notification(
        id=row["id"],
        configuration_id=row["configuration_id"],
        run_id=row["run_id"],
        trigger=Trigger(row["occasion"]),
        run_status=RunStatus(row["run_status"]),
        actor=row["actor"],
        at=from_text(row["at"]),
        tries=row["tries"],
    )
