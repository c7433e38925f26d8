"""What a program is called in its traces and metrics."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, final

from opentelemetry.sdk.resources import SERVICE_NAME, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("awaitly_trio")

_NAMELESS = "unknown_service"


@final
class NamedResource(Resource):
    """A resource whose service may be named after providers have been made of it.

    The environment turns telemetry on when the package is imported, and a provider can be
    set only once: what the program then says of itself would otherwise come too late.

    Args:
      found: What OpenTelemetry found out about the process.
      names: Where the name is kept, for this one and for all that are made of it.
    """

    def __init__(self, found: Resource, names: list[str]) -> None:
        super().__init__(found.attributes, found.schema_url)
        self._names = names

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What is known of the process, with the name of its service."""
        found = super().attributes
        return {**found, SERVICE_NAME: self._names[0]} if self._names else found

    def merge(self, other: Resource) -> Resource:
        """Add what is known now: the SDK does so in a child that was forked."""
        return NamedResource(super().merge(other), self._names)

    def to_json(self, indent: int | None = 4) -> str:
        """Write the attributes, as exporters to the console do."""
        # SDK 1.30 looks past ``attributes`` here.
        return Resource(self.attributes, self.schema_url).to_json(indent)

    def name(self, service: str) -> None:
        """Call the service so, unless it has a name: the variables of OpenTelemetry go first."""
        found = str(super().attributes.get(SERVICE_NAME, _NAMELESS))
        if not found.startswith(_NAMELESS):
            return
        if not self._names:
            self._names.append(service)
        elif self._names != [service]:
            logger.warning(
                "service=%r comes too late: this process is called %r already",
                service,
                self._names[0],
            )
