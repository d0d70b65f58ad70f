"""Which daemons are followed, and where they are reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eprop_rt.errors import ConfigError
from eprop_rt_services.config import load_config
from eprop_rt_services.zmq_link import ClientKeys

MOST = 10
DAEMON_FORM = "NAME=VIEWS,CONTROL or NAME=VIEWS,CONTROL,SCREEN"


@dataclass(frozen=True, slots=True)
class Target:
    """One daemon: its control socket, where it publishes views, and who shows its task, if any."""

    name: str
    control: str
    views: str | None = None
    screen: str | None = None
    keys: ClientKeys | None = None


def parse_daemon(text: str) -> Target:
    """A daemon as `--daemon` names it; raises ConfigError where it is none."""
    name, sign, places = text.partition("=")
    given = [place.strip() for place in places.split(",")]
    if not (sign and name and len(given) in (2, 3) and all(given)):
        raise ConfigError(f"--daemon {text}: expected {DAEMON_FORM}")
    views, control, *screen = given
    return Target(name, control, views, screen[0] if screen else None)


def target_of(path: str) -> Target:
    """The daemon that runs with this configuration; it is called after the file."""
    config = load_config(path)
    name = path.removeprefix("preset:") if path.startswith("preset:") else Path(path).stem
    return Target(name, config.control.endpoint, config.publish.visual_endpoint)


def named_places(texts: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=PLACE` each; raises ConfigError where one is not."""
    places: dict[str, str] = {}
    for text in texts:
        name, sign, place = text.partition("=")
        if not (sign and name and place):
            raise ConfigError(f"{option} {text}: expected NAME=ENDPOINT")
        places[name] = place
    return places


def check_targets(targets: Sequence[Target], screens: Mapping[str, str]) -> None:
    """Raise ConfigError where there are too many, or two of one name, or a screen of nobody."""
    if len(targets) > MOST:
        raise ConfigError(f"{len(targets)} daemons came, a page follows {MOST} at most")
    names = [target.name for target in targets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two daemons are called {twice}: name them apart with --daemon NAME=...")
    unknown = next((name for name in screens if name not in names), None)
    if unknown is not None:
        raise ConfigError(f"--screen {unknown}: no such daemon, there are {', '.join(names)}")
