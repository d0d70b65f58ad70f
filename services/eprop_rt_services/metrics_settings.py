"""Where Prometheus may ask; apart, because a command that serves nothing loads no server."""

from typing import Annotated

from pydantic import AfterValidator, Field

from eprop_rt.config import Settings


def host_and_port(endpoint: str) -> tuple[str, int]:
    """Both parts of 127.0.0.1:9108 or [::1]:9108; raises ValueError."""
    host, colon, port = endpoint.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError("expected HOST:PORT such as 127.0.0.1:9108")
    return host, int(port)


def _checked(endpoint: str) -> str:
    host_and_port(endpoint)
    return endpoint


class MetricsSettings(Settings):
    """Where Prometheus may ask how the daemon does."""

    endpoint: Annotated[str, AfterValidator(_checked)] | None = Field(
        None,
        description="HOST:PORT, none: nowhere. Whoever reaches it can read, and order nothing; "
        "port 0: any that is free",
    )
