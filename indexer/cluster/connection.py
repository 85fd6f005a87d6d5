"""A Ray cluster: how it is reached or started, and what its errors mean to people."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vasari.retrieval.errors import MissingExtraError, VasariError

# Nothing is reported to anybody; and on a busy machine workers have minutes to start.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_worker_register_timeout_seconds": "240",
}
_REACHED_WITHIN = 10.0  # seconds


class ClusterUnavailableError(VasariError):
    """No cluster could be reached, or started."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where to run, and with how many workers; None: what the cluster's CPUs and GPUs allow."""

    address: str | None = None  # "auto", HOST:PORT or ray://HOST:PORT; None: one that is started here
    cpus: int | None = None  # of one that is started here; None: all of this machine
    devices: int | None = None  # GPUs of one that is started here; None: as many as are found
    encoders: int | None = None
    decoders: int | None = None  # threads of all encoders together
    writers: int = 1
    gpus: float | None = None  # of each encoder, such as 0.5: two share a GPU. None: 1 where there are GPUs


@dataclass(frozen=True, slots=True)
class Workers:
    """How many there are of each kind, and what one that embeds occupies."""

    encoders: int
    threads: int  # that read and decode, of each encoder
    writers: int
    cpus: float
    gpus: float


def workers_for(cluster: Cluster, nodes: Sequence[Mapping[str, float]], blocks: int) -> Workers:
    """An encoder for each GPU or part of one, or for every fourth CPU; with the CPUs of its machine that it decodes on.

    There are no more of a kind than `blocks`: each encoder loads a model. `nodes` are the resources of the machines.
    """
    share = (
        (1.0 if any(node.get("GPU", 0.0) for node in nodes) else 0.0)
        if cluster.gpus is None
        else cluster.gpus
    )
    cpus = [node.get("CPU", 0.0) for node in nodes]
    fitting = [
        int(_sharing(node.get("GPU", 0.0), share) if share else node.get("CPU", 0.0) / _CPUS)
        for node in nodes
    ]
    encoders = cluster.encoders or max(1, sum(fitting))
    own = min((have // count for have, count in zip(cpus, fitting, strict=True) if count), default=max(cpus))
    own = max(1.0, min(own, sum(cpus) // encoders))
    decoding = own if share else own - 1  # torch has the other
    threads = int(cluster.decoders / encoders if cluster.decoders else decoding)
    most = max(1, blocks)
    return Workers(min(encoders, most), max(1, threads), min(cluster.writers, most), own, share)


_CPUS = 4  # of an encoder without GPU


def _sharing(gpus: float, share: float) -> float:
    """How many encoders fit: a fractional one never spans two GPUs, so one of 0.6 wastes 0.4 of its GPU."""
    return int(gpus) * int(1 / share) if share < 1 else gpus / share


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """A connection to the cluster, or a small one of this machine's own; one that is open already is used."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    mine = not ray.is_initialized()
    if mine:
        try:
            _knock(cluster.address)
            ray.init(
                address=cluster.address,
                log_to_driver=False,
                logging_level="ERROR",
                **({} if cluster.address else _small(cluster)),
            )
        except Exception as error:  # Ray raises bare exceptions too
            raise ClusterUnavailableError(
                f"no Ray cluster at {cluster.address or 'this machine'}: {_first_line(error)}; start one with"
                " `ray start --head`, and name it by --address"
            ) from error
    try:
        yield
    finally:
        if mine:
            ray.shutdown()


def _small(cluster: Cluster) -> dict[str, object]:
    return {"num_cpus": cluster.cpus, "num_gpus": cluster.devices, "include_dashboard": False}


def _knock(address: str | None) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself tries for ten minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _REACHED_WITHIN).close()


def cause_of(error: BaseException) -> VasariError:
    """The error for people among the causes of Ray's own."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, VasariError):
            # Ray makes classes of its own that inherit from both; callers look at ours.
            found = getattr(seen, "cause", seen)
            return found if isinstance(found, VasariError) else seen
        cause = getattr(seen, "cause", None)
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    return VasariError(
        f"the cluster gave up: {_first_line(error)}; run the command again: what was committed stays"
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
