"""EndpointSlices (discovery.k8s.io/v1) and Pods as the API server sends them. A list that is empty may be null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from slta_integrations.kubernetes.events import version_of

SERVICE_LABEL = "kubernetes.io/service-name"


class Endpoint(NamedTuple):
    """A pod in a slice. `host` is empty without an address, `is_terminating` beats `is_ready`."""

    uid: str
    pod: str
    host: str
    is_ready: bool
    is_terminating: bool


class Slice(NamedTuple):
    """EndpointSlice: `family` is IPv4, IPv6 or FQDN; `ports` by name, the first first; `others` are not about pods."""

    service: str
    family: str
    version: int
    ports: Mapping[str, int]
    endpoints: tuple[Endpoint, ...]
    others: int


class Labelled(NamedTuple):
    """A pod's name, uid, labels and annotations."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class _Reference(BaseModel):
    kind: str = ""
    name: str = ""
    uid: str = ""


class _Conditions(BaseModel):
    ready: bool | None = None
    terminating: bool | None = None


class _Endpoint(BaseModel):
    addresses: list[str] | None = None
    conditions: _Conditions | None = None
    target: _Reference | None = Field(None, alias="targetRef")

    @property
    def is_pod(self) -> bool:
        return self.target is not None and self.target.kind == "Pod" and bool(self.target.uid and self.target.name)

    def read(self) -> Endpoint:
        """Of a pod. A condition that is null is unknown, which counts as ready and as not terminating."""
        conditions, target = self.conditions or _Conditions(), self.target or _Reference()
        host = next(iter(self.addresses or ()), "")
        return Endpoint(target.uid, target.name, host, conditions.ready is not False, conditions.terminating is True)


class _Port(BaseModel):
    name: str | None = None
    port: int | None = None


class _Metadata(BaseModel):
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    name: str = ""
    uid: str = ""


class _Slice(BaseModel):
    metadata: _Metadata
    family: str = Field(alias="addressType")
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


class _Pod(BaseModel):
    metadata: _Metadata


def read_slice(item: Mapping[str, Any]) -> Slice:
    """An EndpointSlice. Raises ValueError."""
    found = _Slice.model_validate(item)
    pods = [endpoint for endpoint in found.endpoints or () if endpoint.is_pod]
    return Slice(
        (found.metadata.labels or {}).get(SERVICE_LABEL, ""),
        found.family,
        version_of(item),
        {port.name or "": port.port for port in found.ports or () if port.port},
        tuple(endpoint.read() for endpoint in pods),
        len(found.endpoints or ()) - len(pods),
    )


def read_pod(item: Mapping[str, Any]) -> Labelled:
    """What names and marks a Pod, from it or from its metadata. Raises ValueError."""
    metadata = _Pod.model_validate(item).metadata
    return Labelled(metadata.name, metadata.uid, metadata.labels or {}, metadata.annotations or {})
