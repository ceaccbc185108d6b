"""The workers of a Prefect work pool, as a ``WorkerPool`` of the export (design, section 8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import get_current_settings

from dicom_export import BatchState
from eden.errors import ConfigurationError, EdenError

DEPLOYMENT = "process-study-batch-to-s3/manual"
OUTSTANDING = 16
"""Batches queued or running at once; more if the work pool's own limit allows more."""
TAGS = ["export"]

_STATES = {
    StateType.SCHEDULED: BatchState.QUEUED,
    StateType.PENDING: BatchState.STARTING,
    StateType.RUNNING: BatchState.RUNNING,
    StateType.PAUSED: BatchState.RUNNING,
    StateType.COMPLETED: BatchState.ENDED,
    StateType.CRASHED: BatchState.ENDED,
    StateType.FAILED: BatchState.FAILED,
    StateType.CANCELLING: BatchState.RUNNING,
    StateType.CANCELLED: BatchState.CANCELLED,
}


class PoolUnavailable(EdenError):
    """Prefect's server, the deployment or its work pool can't be reached."""

    code = "WORK_POOL_UNAVAILABLE"


class WorkPool:
    """Sends each batch as a flow run of :data:`DEPLOYMENT`; its parameters are study ids alone."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self.window = self._find_window()

    def send(self, study_ids: Sequence[str]) -> str:
        """Create a flow run; inside of a flow run it becomes its child, which Prefect's UI shows.

        Raises:
            PoolUnavailable: nothing was sent.
        """
        with _explained():
            run = run_deployment(
                DEPLOYMENT,
                parameters={"study_ids": list(study_ids)},
                flow_run_name=batch_name(study_ids),
                tags=TAGS,
                timeout=0,
            )
        # run_deployment is typed for async callers too; this call is synchronous.
        assert isinstance(run, FlowRun)
        return str(run.id)

    def states(self, batches: Collection[str]) -> Mapping[str, BatchState]:
        """Read the states of flow runs.

        Raises:
            PoolUnavailable: Prefect's server does not answer.
        """
        if not batches:
            return {}
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(batch) for batch in batches]))
        with _explained():
            runs = self._client.read_flow_runs(flow_run_filter=wanted, limit=len(batches))
        return {str(run.id): _STATES[run.state_type] for run in runs if run.state_type}

    def cancel(self, batch: str) -> None:
        """Cancel a flow run.

        Raises:
            PoolUnavailable: Prefect's server does not answer.
        """
        message = "Its studies are done, or were sent to another worker."
        state: State[None] = State(type=StateType.CANCELLED, name="Recalled", message=message)
        with _explained():
            # By force: the worker that would end the run is dead.
            self._client.set_flow_run_state(batch, state, force=True)

    def _find_window(self) -> int:
        with _explained():
            deployment = self._client.read_deployment_by_name(DEPLOYMENT)
            if deployment.work_pool_name is None:
                raise PoolUnavailable(f"the deployment {DEPLOYMENT} belongs to no work pool")
            pool = self._client.read_work_pool(deployment.work_pool_name)
        # One queued batch per running batch, so that no worker waits for its next.
        return max(OUTSTANDING, 2 * (pool.concurrency_limit or 0))


@contextmanager
def work_pool() -> Iterator[WorkPool]:
    """Reach the work pool of Prefect's server.

    Raises:
        ConfigurationError: no server is configured.
        PoolUnavailable: the server or the deployment can't be reached; nothing was sent.
    """
    if not get_current_settings().api.url:
        raise ConfigurationError("EXPORT_DISPATCH: work-pool needs PREFECT_API_URL to be set")
    with ExitStack() as stack:
        with _explained():
            client = stack.enter_context(get_client(sync_client=True))
        yield WorkPool(client)


def batch_name(study_ids: Sequence[str]) -> str:
    """Name a batch's flow run."""
    return f"{len(study_ids)} studies from {study_ids[0]}" if study_ids else "no studies"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ObjectNotFound:
        raise PoolUnavailable(
            f"Prefect's server has no deployment {DEPLOYMENT} or not its work pool: "
            "run `prefect deploy --all`"
        ) from None
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        url = get_current_settings().api.url
        raise PoolUnavailable(f"Prefect's server at {url}: {type(error).__name__}") from None
