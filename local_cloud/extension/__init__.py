"""What MiniStack lacks for our app, closed by registering in its own tables.

Nothing is patched on disk. Each module closes one gap and names the condition for deleting it.
`tests/contract/test_emulator_hooks.py` fails when a hook that we use has moved.
"""

from local_cloud.extension import (
    alarms,
    audit,
    authorization,
    budgets,
    clock,
    composite_alarms,
    current_request,
    delivery_streams,
    events,
    executions,
    firewall,
    gateway,
    gateway_responses,
    lambda_interpreters,
    metrics,
    object_reads,
    queues,
    recording,
    refusals,
    registry,
    reserved_concurrency,
    service_quotas,
    signatures,
    stacks,
    state_machines,
    templates,
    trails,
)


def install() -> None:
    """Close every gap; SageMaker's types must be registered before, for `stacks` wraps them."""
    for module in (
        current_request,
        recording,
        signatures,
        refusals,
        authorization,
        lambda_interpreters,
        templates,
        clock,
        trails,
        composite_alarms,
        audit,
        metrics,
        object_reads,
        queues,
        alarms,
        state_machines,
        executions,
        events,
        gateway_responses,
        gateway,
        firewall,
        delivery_streams,
        budgets,
        registry,
        reserved_concurrency,
        service_quotas,
        stacks,
    ):
        module.install()


def drain() -> None:
    """Deliver what is still buffered."""
    delivery_streams.drain()
