"""What does a plan file say? Read by the engine that made it; handed in whole, and without what is sensitive."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from bot.errors import OutsideTrouble, Refused
from bot.plan_redaction import redacted_plan, schemas_for
from bot.plan_summary import PlanSummary, summarize, summarize_text
from bot.runner.engine import Bench

SUMMARY_WITHIN = 1024**2  # bytes at the log's end in which an old engine's summary is looked for
LARGEST_PLAN_JSON = 256 * 1024**2  # bytes; some ten thousand resources. Read, it takes many times as much memory


@dataclass(frozen=True)
class PlanReader:
    """`folder` is ours alone; `upload` takes a document's name and an open file."""

    bench: Bench
    folder: Path
    upload: Callable[[str, BinaryIO], None]

    def summary(self) -> PlanSummary:
        """Hand the documents in, and say in short what they say. Raises Refused for a plan that nobody can review."""
        if not self.bench.knows_json_plans:
            return summarize_text(self.bench.log.ending(SUMMARY_WITHIN))
        with tempfile.TemporaryFile(dir=self.folder) as file:
            plan = self._read(file)
            try:
                summary, redacted = self._summarized(plan), self._redacted(plan)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise OutsideTrouble(
                    f"reading the plan: {self.bench.engine.spoken} wrote another JSON than known"
                ) from error
            self.upload("plan-json", file)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            file.write(json.dumps(redacted).encode())
            self.upload("plan-redacted", file)
        return summary

    def _read(self, file: BinaryIO) -> Any:
        exit_code = self.bench.show_json(file, largest=LARGEST_PLAN_JSON)
        if os.fstat(file.fileno()).st_size >= LARGEST_PLAN_JSON:
            raise Refused(
                f"the plan is too large to be reviewed: as JSON it is over {LARGEST_PLAN_JSON} bytes; "
                "split the workspace, or keep large values out of it"
            )
        if exit_code != 0:
            raise OutsideTrouble(f"reading the plan with {self.bench.engine.spoken} show -json failed")
        file.seek(0)
        return _document(file, self.bench.engine.spoken)

    def _summarized(self, plan: Any) -> PlanSummary:
        """A refresh-only plan that moves outputs alone says so, and is refused by the engine's own apply."""
        summary = summarize(plan)
        if self.bench.job.options.refresh_only and plan.get("applyable") is False:
            return replace(summary, outputs_changed=False)
        return summary

    def _redacted(self, plan: Any) -> Any:
        """For whoever may read runs. Secrets are masked in it as in the log, also where nothing is marked sensitive."""
        schemas = self._schemas()
        return {**redacted_plan(plan, self.bench.log.masked, schemas), **schemas_for(plan, schemas)}

    def _schemas(self) -> Any:
        """What the CLI needs to draw the plan by itself. Asked for only then: large providers take seconds for it."""
        if not self.bench.job.options.drawn_by_client:
            return None
        with tempfile.TemporaryFile(dir=self.folder) as file:
            if self.bench.show_schemas(file) != 0:
                raise OutsideTrouble(f"reading the providers' schemas with {self.bench.engine.spoken} failed")
            file.seek(0)
            return _document(file, self.bench.engine.spoken)


def _document(file: BinaryIO, engine: str) -> Any:
    try:
        return json.load(file)
    except (ValueError, RecursionError) as error:
        raise OutsideTrouble(f"reading the plan: {engine} wrote another JSON than known") from error
