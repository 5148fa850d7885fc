"""How is the doorbell rung, and who answers it? (RQ over Redis or Valkey: the row is the queue, architecture.md)"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from service.core.places import places
from service.ports import POSTING, SENDING

log = logging.getLogger(__name__)


_JOBS_MODULE = "workers.jobs"
_FAILURES_KEPT = 86_400  # seconds
_JOB_TIMEOUT = 120  # seconds; a parsing job may die anywhere
# RQ's alarm between reading a 250 and writing it down put 38 of 400 rows in doubt: sending has its own deadline.
_NO_TIMEOUT = -1
# RQ looks after its registries between two waits, and waits for worker_ttl - 15 seconds.
_MAINTENANCE = 60
_WORKER_TTL = _MAINTENANCE + 15
_PAUSE = 1  # seconds
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class RqQueue:
    """The bell of the jobs it is told of: each job's name and the queue that it waits in.

    A sweeping job does all that waits, its own ids first: while one of it is still to begin, no other bell is hung.
    """

    def __init__(self, url: str, jobs: Mapping[str, str], *, sweeping: Collection[str] = ()) -> None:
        self._redis = _connect(url, socket_timeout=5.0)
        self._queues = {
            job: Queue(name, connection=self._redis, serializer=JSONSerializer) for job, name in jobs.items()
        }
        self._sweeping = frozenset(sweeping)
        self._sending = frozenset(job for job, name in jobs.items() if name in (SENDING, POSTING))

    def ring(self, job: str, *ids: int) -> bool:
        """Ask a worker to run `job` on these ids; False when no server takes it, and the clock rings later.

        Refuses (ValueError) a job that is not among those told at the start.
        """
        if job not in self._queues:
            raise ValueError(f"No job is called {job!r}; add it to the jobs given to RqQueue.")
        try:
            if job in self._sweeping and self._queues[job].count:
                return True
            self._queues[job].enqueue_call(
                f"{_JOBS_MODULE}.{job}",
                args=ids,
                timeout=_NO_TIMEOUT if job in self._sending else _JOB_TIMEOUT,
                result_ttl=0,
                failure_ttl=_FAILURES_KEPT,
            )
        except RedisError as error:
            log.warning("The bell of %s cannot be rung (%s); the clock will ring it.", job, type(error).__name__)
            return False
        return True

    def ring_the_idle(self, job: str, *ids: int) -> bool:
        """Ask for help with these ids when a worker of this job's queue is idle.

        Nothing is kept of who helps: a bell too many finds no work, and one that is missing is rung at the next turn.
        """
        queue = self._queues[job]
        try:
            if not any(one.get_state() == WorkerStatus.IDLE for one in Worker.all(queue=queue)):
                return False
        except RedisError:
            return False
        return self.ring(job, *ids)

    def answers(self) -> bool:
        """Whether a server takes bells now."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def close(self) -> None:
        """Give the connection back."""
        self._redis.close()


def run_worker(url: str, queues: Sequence[str]) -> None:
    """Run the jobs of these queues, in the order of their names, until SIGTERM or SIGINT; the job at work is finished.

    Survives a server that goes away, is full, or forgets everything. Only for the main thread: it takes the two signals.
    """
    redis = _connect(url, socket_timeout=None)
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
    try:
        while not _run_once(redis, queues):
            log.warning("The worker has no server; it starts again in %d s.", _PAUSE)
            time.sleep(_PAUSE)
    except _AskedToStop:
        log.info("The worker ends as asked.")
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        redis.close()


class _AskedToStop(SystemExit):
    """Raised by a signal, wherever the worker is.

    RQ's StopRequested is an Exception, and who is interrupted may swallow that: logging does, inside every line that
    it writes. The worker then slept on for a minute (1 of 300 stops), and a host ends it by SIGKILL.
    """


class _BellWorker(Worker):
    """RQ's worker, made to outlive its server and to keep class and ids of a failed job, never its data."""

    max_connection_wait_time = 2.0
    log_result_lifespan = False
    _at_work_on = ""

    @property
    def was_asked_to_stop(self) -> bool:
        return self._shutdown_requested_date is not None

    def execute_job(self, job: Job, queue: Queue) -> None:
        self._at_work_on = queue.name
        super().execute_job(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        # RQ only waits. Who sends mail must hear it, to settle what is at the wire in time; a reader may finish.
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        if self._at_work_on in (SENDING, POSTING) and self._horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self._horse_pid, signal.SIGTERM)

    def _shutdown(self) -> None:
        try:
            super()._shutdown()  # type: ignore[no-untyped-call]
        except StopRequested:
            raise _AskedToStop from None

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        try:
            super().heartbeat(timeout, pipeline)
        except RedisError as error:
            self.log.warning("Worker %s: heartbeat not written (%s)", self.name, type(error).__name__)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        # RQ's own would leave the work-horse behind, without anyone who waits for it.
        try:
            super().maintain_heartbeats(job, execution)
        except RedisError as error:
            self.log.warning("Worker %s: job %s goes on without a server (%s)", self.name, job.id, type(error).__name__)

    def _finalize_failure(
        self,
        job: Job,
        queue: Queue,
        execution: Execution,
        exc_info: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
    ) -> None:
        # The message and the frames of an exception may hold addresses: neither the log nor Redis gets them.
        kind = exc_info[0] or RuntimeError
        bare = RuntimeError(f"{kind.__module__}.{kind.__qualname__} at {places(exc_info[2])}")
        super()._finalize_failure(job, queue, execution, (RuntimeError, bare, None))


def _run_once(redis: Redis, queues: Sequence[str]) -> bool:
    """Run one worker until it ends; True when it was asked to."""
    _stop_on_signals()
    worker = None
    try:
        worker = _BellWorker(
            list(queues),
            connection=redis,
            serializer=JSONSerializer,
            maintenance_interval=_MAINTENANCE,
            worker_ttl=_WORKER_TTL,
            log_job_description=False,
        )
        worker.work(logging_level=None)
    except RedisError as error:
        # It is gone, or there and full (R4): a worker that ended with it would take its work-horse along.
        log.warning("The worker ended without a server (%s).", type(error).__name__)
    finally:
        # RQ leaves the handlers of a worker that has ended.
        _stop_on_signals()
    return worker is not None and worker.was_asked_to_stop


def _stop_on_signals() -> None:
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    raise _AskedToStop


def _connect(url: str, *, socket_timeout: float | None) -> Redis:
    # redis-py waits between its own tries, up to 10 s in all: the clock and the worker's loop wait better.
    return Redis.from_url(url, socket_timeout=socket_timeout, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 1))
