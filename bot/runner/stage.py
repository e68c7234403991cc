"""What does a runner do in a plan, and what in an apply? Every way in which it can end becomes a result."""

import traceback
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import structlog

from bot.errors import OutsideTrouble, Refused
from bot.plan_summary import PlanSummary
from bot.run import Stage
from bot.runner.client import StageClient, StaleLease
from bot.runner.engine import PLAN_FILE, Bench, prepare_inputs, surroundings
from bot.runner.engine_download import Release, platform_name
from bot.runner.engine_process import Reins, Stop, Stopped
from bot.runner.engine_versions import Engine, NoEngine, find_engine
from bot.runner.environment import build_environment
from bot.runner.exchange import LARGEST_HANDED_IN, Exchange, spoken
from bot.runner.job import StageJob, StageResult
from bot.runner.lease import LeaseKeeper
from bot.runner.log_stream import LogFile, header
from bot.runner.overrides import check_has_configuration, redirect_state
from bot.runner.plan_reader import PlanReader
from bot.runner.registered_versions import warning_of
from bot.runner.sandbox import Sandbox, find_sandbox
from bot.runner.settings import RunnerSettings
from bot.runner.state_backend import backend_for, override
from bot.runner.state_backend import environment as state_environment
from bot.runner.unpacking import unpack
from bot.runner.variables import write_variable_files
from bot.runner.wire import stoppable
from bot.runner.work_folder import Rooms, opened_safely, pack, working_directory
from bot.stage_words import Outcome
from bot.version_constraint import Wanted
from bot.workspace import EngineName

log = structlog.get_logger()


@dataclass
class StageRun:
    """One stage while it is performed; knows what it found out so far, so that a result can say it."""

    settings: RunnerSettings
    job: StageJob
    client: StageClient
    keeper: LeaseKeeper
    reins: Reins
    rooms: Rooms
    log: LogFile
    engine: Engine | None = None
    notes: list[str] = field(default_factory=list)
    apply_started: bool = False
    _has_header: bool = False

    def perform(self) -> StageResult:
        """Do it. Raises StaleLease if the job became somebody else's."""
        self._exchange = Exchange(self.client, self.reins)
        try:
            result = self._plan() if self.job.stage is Stage.PLAN else self._apply()
        except Stopped:
            result = self._stopped(None)
        except NoEngine as error:
            result = self._ended(Outcome.NO_ENGINE, error=str(error))
        except Refused as refusal:
            result = self._ended(Outcome.REFUSED, error=refusal.reason)
        except OutsideTrouble as trouble:
            result = self._ended(Outcome.TROUBLE, error=trouble.reason)
        except OSError as error:
            result = self._ended(Outcome.TROUBLE, error=f"working on the runner's disk: {error.strerror or 'failed'}")
        except StaleLease:
            raise
        except Exception as error:  # noqa: BLE001  # a stage without a result would only be missed when its lease ends
            result = self._unforeseen(error)
        if self.keeper.is_stale:
            raise StaleLease(f"{self.job.id} belongs to another runner now")
        self._write_header()
        if result.error:
            self.log.say(f"\nRunlock: {result.error}")
        return result

    def _unforeseen(self, error: Exception) -> StageResult:
        """Our own mistake. Its text may quote anything, so it is masked, and only its kind is posted."""
        told = self.log.masked("".join(traceback.format_exception(error)))
        log.error("stage failed in an unforeseen way", job=self.job.id, run=self.job.run_id, traceback=told)
        return self._ended(
            Outcome.TROUBLE,
            error=f"the runner failed in an unforeseen way ({type(error).__name__}); its own log says where",
        )

    def _plan(self) -> StageResult:
        bench = self._bench_with("configuration", drop=(".terraform",))
        if not self.job.is_destroy:
            check_has_configuration(bench.folder, is_tofu=self.job.engine is EngineName.TOFU)
        files = write_variable_files(self.job.variables, self.rooms.inputs)
        self._tell(redirect_state(bench.folder, override(bench.backend, self.job)))
        exit_code = bench.init(files)
        if exit_code == 0:
            exit_code = bench.plan(files)
            if exit_code in (0, 2) and self.reins.reason is None:
                return self._planned(bench, exit_code)
        return self._stopped(exit_code) if self.reins.reason else self._failed(exit_code)

    def _planned(self, bench: Bench, exit_code: int) -> StageResult:
        """Hand in the plan and the tree in which it will be applied; the exit code said that there is a plan."""
        with opened_safely(self.rooms.out, PLAN_FILE, largest=LARGEST_HANDED_IN) as plan:
            if plan is None:
                raise OutsideTrouble(f"planning with {bench.engine.spoken}: it succeeded, but left no plan file")
            digest = bench.digest(plan)
            self._exchange.upload("plan", plan)
        summary = PlanReader(bench, self.rooms.private, self._exchange.upload).summary()
        packed = self.rooms.private / "packed.tar.gz"
        pack(self.rooms.tree, packed, self.job.working_directory, partial(self.reins.check, "packing the work folder"))
        with packed.open("rb") as file:
            self._exchange.upload("work-folder", file)
        return self._ended(
            Outcome.SUCCEEDED,
            exit_code=exit_code,
            has_changes=exit_code == 2,
            summary=summary,
            plan_digest=digest,
        )

    def _apply(self) -> StageResult:
        bench = self._bench_with("work-folder")
        plan_path = self.rooms.inputs / PLAN_FILE
        self._exchange.download("plan", plan_path)
        with plan_path.open("rb") as plan:
            self._check_digest(bench.digest(plan))
            redirect_state(bench.folder, override(bench.backend, self.job), restored=True)
            exit_code = bench.init(())
            if exit_code != 0:
                return self._stopped(exit_code) if self.reins.reason else self._failed(exit_code)
            self._check_digest(bench.digest(plan))
        self.keeper.confirm(self.client)
        self.apply_started = True
        try:
            exit_code = bench.apply()
        except Stopped:
            self.apply_started = False  # the engine was not even started
            raise
        return self._applied(exit_code)

    def _applied(self, exit_code: int) -> StageResult:
        """The engine was there. If it failed and its state can't be read, the outcome isn't known: no exit code."""
        trouble = self._save_errored_state()
        if exit_code == 0:
            self._tell([trouble] if trouble else [])
            return self._ended(Outcome.SUCCEEDED, exit_code=0, plan_digest=self.job.plan_digest)
        result = self._stopped(exit_code) if self.reins.reason else self._failed(exit_code)
        if not trouble:
            return result
        return replace(result, exit_code=None, error=f"{result.error}. {trouble}")

    def _check_digest(self, digest: str) -> None:
        if digest != self.job.plan_digest:
            raise Refused(
                f"what would be applied is not what was reviewed: the plan digest is {digest[:12]}, and "
                f"{self.job.plan_digest[:12] or 'none'} was approved"
            )

    def _save_errored_state(self) -> str:
        """What the engine couldn't push is handed in before the result, so that no resource is forgotten.

        Returns why that can't be, in a sentence, or nothing. Raises OutsideTrouble if the server doesn't take it.
        """
        if self.keeper.is_stale:
            return ""
        try:
            # Looked up again: the engine may have made symlinks, or removed the folder.
            folder = working_directory(self.rooms.tree, self.job.working_directory)
            with opened_safely(folder, "errored.tfstate", largest=LARGEST_HANDED_IN) as state:
                if state is not None:
                    self._exchange.hand_in_errored_state(state, self.settings.result_patience_seconds)
        except Refused as refusal:
            return f"Whether it left a state that it could not save can't be told: {refusal.reason}"
        except OSError as error:
            return f"Whether it left a state that it could not save can't be told: {error.strerror or 'reading failed'}"
        return ""

    def _bench_with(self, archive: str, *, drop: tuple[str, ...] = ()) -> Bench:
        """Sandbox, engine and tree, in the order in which a failure costs least."""
        sandbox = find_sandbox(self.settings.sandbox, self.settings.limits)
        if self.job.foreign and not sandbox.is_on:
            self._tell(["This pull request's run has no sandbox, since RUNLOCK_SANDBOX=none is set."])
        wanted = Wanted.parse(self.job.engine_version)
        self.engine = engine = self._find_engine(wanted)
        self._exchange.tell_engine(engine)
        self._write_header()
        if self.job.stage is Stage.PLAN and (warning := warning_of(self.job.registered_versions, engine.version)):
            self._tell([f"{engine.spoken} {warning}"])
        packed = self.rooms.private / "tree.tar"
        self._exchange.download(archive, packed)
        unpack(packed, self.rooms.tree, drop=drop, go_on=partial(self.reins.check, f"unpacking the {spoken(archive)}"))
        packed.unlink()
        folder = working_directory(self.rooms.tree, self.job.working_directory)
        return self._bench(self.engine, sandbox, folder)

    def _find_engine(self, wanted: Wanted) -> Engine:
        transfer = partial(stoppable, self.reins, f"downloading {self.job.engine.value}{wanted.spoken}")
        registered = self.job.registered_versions
        return find_engine(self.job.engine, wanted, self.settings, self._progress, registered, transfer)

    def _bench(self, engine: Engine, sandbox: Sandbox, folder: Path) -> Bench:
        prepare_inputs(self.job, engine, sandbox, self.rooms, self.settings.plugin_folders)
        backend = backend_for(engine, self.job)
        around = surroundings(engine, sandbox, self.rooms, self.settings.search_path)
        environment, notes = build_environment(self.job, around)
        self._tell(notes)
        return Bench(
            job=self.job,
            engine=engine,
            sandbox=sandbox,
            rooms=self.rooms,
            folder=folder,
            environment={**environment, **state_environment(backend, self.job)},
            backend=backend,
            plugin_folders=self.settings.plugin_folders,
            reins=self.reins,
            log=self.log,
        )

    def _progress(self, release: Release, line: str) -> None:
        self._write_header(f"{release.engine.value.capitalize()} v{release.written}")
        self.log.say(line)

    def _write_header(self, engine: str = "") -> None:
        if not self._has_header:
            self._has_header = True
            spoken = engine or (self.engine.spoken if self.engine else f"{self.job.engine.value} (not found)")
            self.log.say(header(spoken, platform_name(), f"{self.job.slug} for {self.job.run_id}"))

    def _tell(self, notes: list[str]) -> None:
        self.notes += notes
        for note in notes:
            self.log.say(f"Note: {note}")

    def _failed(self, exit_code: int) -> StageResult:
        spoken = self.engine.spoken if self.engine else self.job.engine.value
        how = f"ended with exit code {exit_code}" if exit_code > 0 else f"was ended by signal {-exit_code}"
        return self._ended(Outcome.FAILED, exit_code=exit_code, error=f"{spoken} {how}")

    def _stopped(self, exit_code: int | None) -> StageResult:
        """It ended because we asked it to. A plan that is complete all the same counts as stopped too."""
        stage = self.job.stage.value
        outcome, error = {
            Stop.CANCELED: (Outcome.CANCELED, f"the {stage} was canceled"),
            Stop.TIMED_OUT: (Outcome.TIMED_OUT, f"the {stage} took longer than {self.job.timeout_seconds} seconds"),
            Stop.LEASE_LOST: (Outcome.TROUBLE, f"the {stage} was ended: the server could not be reached"),
            Stop.SHUTDOWN: (Outcome.TROUBLE, f"the {stage} was ended: its runner was shut down"),
            Stop.DISK_FULL: (Outcome.TROUBLE, f"the {stage} was ended: its runner's disk was almost full"),
        }[self.reins.reason or Stop.CANCELED]
        was = f"; it was still {self.reins.doing}" if self.reins.doing else ""
        return self._ended(outcome, exit_code=exit_code, error=error + was)

    def _ended(
        self,
        outcome: Outcome,
        *,
        exit_code: int | None = None,
        has_changes: bool = False,
        summary: PlanSummary | None = None,
        plan_digest: str = "",
        error: str = "",
    ) -> StageResult:
        return StageResult(
            outcome=outcome,
            exit_code=exit_code,
            has_changes=has_changes,
            summary=summary or PlanSummary(),
            plan_digest=plan_digest,
            engine=self.job.engine.value,
            engine_version=self.engine.version_text if self.engine else "",
            error=error,
            notes=tuple(self.notes),
            apply_started=self.apply_started,
        )
