"""Configuration of every command: YAML, environment and `-o`, checked as one."""

import difflib
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Self, get_args, get_origin

import yaml
from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from eprop_rt.conditioning.stages import InputSettings, Stages, clash
from eprop_rt.config import (
    BinSettings,
    DecoderSettings,
    EpropSettings,
    Settings,
    TrainingSettings,
)
from eprop_rt.errors import ConfigError
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.hot import merged
from eprop_rt_services.classes.settings import UNIT, ClassSettings
from eprop_rt_services.journal.settings import CheckpointSettings, JournalSettings
from eprop_rt_services.logs import LogSettings
from eprop_rt_services.metrics_settings import MetricsSettings
from eprop_rt_services.realtime import RealtimeSettings
from eprop_rt_services.recordings import Selection
from eprop_rt_services.security import SecuritySettings
from eprop_rt_services.sources.settings import LslSettings
from eprop_rt_services.standby import RestartSettings
from eprop_rt_services.zmq_link.settings import ControlSettings, PublishSettings

PRESETS = resources.files("eprop_rt_services") / "presets"


class Environment(BaseSettings):
    """Variables such as EPROP_RT__BINS__BIN_S."""

    model_config = SettingsConfigDict(env_prefix="EPROP_RT__", env_nested_delimiter="__")


class Config(Settings):
    """Everything that a command can be told."""

    bins: BinSettings = BinSettings()
    conditioning: Stages = ()
    decoder: DecoderSettings = EpropSettings()
    classes: ClassSettings | None = Field(
        None, description="of discrete commands; none: outputs are numbers"
    )
    training: TrainingSettings = TrainingSettings()
    recording: Selection = Selection()
    lsl: LslSettings = LslSettings()
    publish: PublishSettings = PublishSettings()
    control: ControlSettings = ControlSettings()
    security: SecuritySettings = SecuritySettings()
    guard: GuardSettings = GuardSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    journal: JournalSettings = JournalSettings()
    restart: RestartSettings = RestartSettings()
    realtime: RealtimeSettings = RealtimeSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @field_validator("conditioning")
    @classmethod
    def _stages_go_together(cls, stages: Stages, so_far: ValidationInfo) -> Stages:
        bins = so_far.data.get("bins", BinSettings())
        why = clash(stages, bins.reduce)
        if why is not None:
            raise ValueError(why)
        return stages

    @property
    def inputs(self) -> BinSettings:
        """How samples become what the decoder sees: `bins`, with `conditioning` where there is."""
        if not self.conditioning:
            return self.bins
        return InputSettings(**dict(self.bins), conditioning=self.conditioning)

    @property
    def has_live_labels(self) -> bool:
        """Whether a live stream says what is to be learned."""
        if self.classes is not None and self.classes.source == "markers":
            return self.lsl.markers is not None
        return self.lsl.labels is not None

    @model_validator(mode="before")
    @classmethod
    def _outputs_are_named_by_the_classes(cls, given: Any) -> Any:
        """What is published has the names of the classes, if it has none of its own."""
        if not isinstance(given, dict) or not isinstance(given.get("classes"), dict):
            return given
        names, published = given["classes"].get("labels"), given.get("publish") or {}
        if not isinstance(names, list | tuple) or not isinstance(published, dict):
            return given
        own = {"names": tuple(names), "units": (UNIT,) * len(names)}
        return given | {"publish": own | published}

    @model_validator(mode="after")
    def _one_output_a_class(self) -> Self:
        if self.classes is None:
            return self
        if len(self.publish.names) != len(self.classes.labels):
            raise ValueError(
                f"publish.names names {len(self.publish.names)} outputs, classes.labels "
                f"{len(self.classes.labels)} classes: leave publish.names out"
            )
        source, lsl = self.classes.source, self.lsl
        if source == "markers" and lsl.labels is not None:
            raise ValueError(
                "lsl.labels came with classes.source markers: leave one of them out, or set "
                "classes.source: channel"
            )
        return self


def load_config(name: str | None, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file or `preset:NAME`; the environment goes before it, `-o` before both.

    None: the defaults, with what these two say.

    An environment variable names a key as in EPROP_RT__DECODER__SEED=3. Raises ConfigError in one
    line: what came, what was expected, what to do.
    """
    given = parse_overrides(overrides)
    content = without_other_kind({} if name is None else read_mapping(name), given)
    for layer in (read_environment(), given):
        content = merged(content, layer)
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{name or 'configuration'}: {explain(error)}") from None


def read_environment() -> dict[str, Any]:
    """What the environment sets, as a nested mapping; sections of Config only."""
    sections: dict[str, Any] = {key: (dict[str, Any], {}) for key in Config.model_fields}
    environment = create_model("Environment", __base__=Environment, **sections)
    return environment().model_dump(exclude_defaults=True)


def read_mapping(name: str, presets: Traversable = PRESETS) -> dict[str, Any]:
    """The mapping in a YAML file or in a preset."""
    if name.startswith("preset:"):
        known = sorted(p.name.removesuffix(".yaml") for p in presets.iterdir())
        preset = name.removeprefix("preset:")
        if preset not in known:
            raise ConfigError(f"there is no {name}: take one of {', '.join(known)}")
        text = (presets / f"{preset}.yaml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise ConfigError(
                f"cannot read the configuration {name} ({reason}): give a YAML file or preset:NAME"
            ) from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise ConfigError(f"{name} is not valid YAML{line}: mend it there") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{name} holds a {type(content).__name__}, expected keys with values")
    return content


def without_other_kind(content: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """`content` without its decoder where `given` asks for another kind, which has other keys."""
    before, after = content.get("decoder"), given.get("decoder")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return content
    kind = before.get("kind", EpropSettings().kind)
    return content if after.get("kind", kind) == kind else {**content, "decoder": {}}


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """`decoder.seed=3` and the like, as a nested mapping; values are read as YAML."""
    nested: dict[str, Any] = {}
    for override in overrides:
        path, sign, value = override.partition("=")
        if not sign or not path:
            raise ConfigError(f"-o {override}: expected key.sub=value")
        *sections, key = path.split(".")
        level = nested
        for section in sections:
            level = level.setdefault(section, {})
            if not isinstance(level, dict):
                raise ConfigError(f"-o {override}: {section} was given a value before")
        level[key] = yaml.safe_load(value)
    return nested


def explain(error: ValidationError, root: type[Settings] = Config) -> str:
    """The first thing that is wrong, in one line, with the nearest known key of `root`."""
    errors = error.errors(include_url=False)
    # A key that is not known is why another is missing.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in first["loc"]]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = known_keys(path[:-1], root)
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.0)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {'.'.join(plain(path))}: {hint}{more}"
    lists = isinstance(first["input"], list) and any(isinstance(x, dict) for x in first["input"])
    came = "" if lists or isinstance(first["input"], dict) else f", got {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(plain(path)) or 'configuration'}: {message}{came}{more}"


def plain(path: Sequence[str]) -> list[str]:
    """A path as the user writes it, without the tag of a union."""
    tags = {"decoder": 1, "conditioning": 2, "decoders": 2, "population": 1, "user": 1}
    tag = tags.get(path[0]) if path else None
    if tuple(path[:2]) in {("room", "population"), ("room", "user")}:
        tag = 2
    return [part for at, part in enumerate(path) if at != tag]


def known_keys(path: Sequence[str], root: type[Settings] = Config) -> list[str]:
    """The keys of the section at `path`, where a union's member is named by its kind."""
    model: Any = root
    for part in path:
        fields: Mapping[str, Any] = getattr(model, "model_fields", {})
        model = fields[part].annotation if part in fields else member(model, part)
    return sorted(getattr(model, "model_fields", {}))


def member(union: Any, kind: str) -> Any:
    """The member of a tagged union whose `kind` is given; of X | None, X; of a list, its items."""
    if get_origin(union) is tuple:
        return get_args(union)[0]
    if get_origin(union) is dict:
        return get_args(union)[1]
    if get_origin(union) is Annotated:
        union = get_args(union)[0]
    models = [m for m in get_args(union) if hasattr(m, "model_fields")]
    tagged = [
        m for m in models if "kind" in m.model_fields and m.model_fields["kind"].default == kind
    ]
    return (tagged or models)[0]
