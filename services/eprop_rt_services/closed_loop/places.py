"""Names of streams and sockets of one bench, and the settings of those who use them."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from eprop_rt.config import DecoderSettings
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.closed_loop.simulator import SimulatorSettings
from eprop_rt_services.closed_loop.task import TaskServiceSettings
from eprop_rt_services.config import Config

READY_S = 120.0  # the first time ever, kernels are compiled


@dataclass(frozen=True, slots=True)
class Places:
    """All that belongs to `name`: LSL streams by source_id, sockets in a folder."""

    name: str
    folder: Path

    @property
    def spikes_id(self) -> str:
        """Of the counts."""
        return f"{self.name}-spikes"

    @property
    def screen_id(self) -> str:
        """Of what the user sees."""
        return f"{self.name}-screen"

    @property
    def labels_id(self) -> str:
        """Of what the task takes to be intended."""
        return f"{self.name}-labels"

    @property
    def markers_id(self) -> str:
        """Of the events of trials."""
        return f"{self.name}-markers"

    def socket(self, part: str) -> str:
        """An endpoint in the folder."""
        return f"ipc://{self.folder}/{self.name}-{part}"

    def task(
        self, commands: tuple[str, ...], topic: str, screens: str | None = None
    ) -> TaskServiceSettings:
        """The task here, moved by commands from these endpoints."""
        return TaskServiceSettings(
            name=self.name,
            screen_id=self.screen_id,
            labels_id=self.labels_id,
            markers_id=self.markers_id,
            commands=commands,
            topic=topic,
            orders=self.socket("orders"),
            screens=screens or self.socket("screens"),
        )

    def simulator(self, seed: int) -> SimulatorSettings:
        """The simulator here."""
        return SimulatorSettings(
            name=self.name,
            spikes_id=self.spikes_id,
            screen_id=self.screen_id,
            seed=seed,
            orders=self.socket("wire"),
            wait_s=READY_S,
        )

    def daemon(
        self, config: Config, decoder: DecoderSettings, *, learns: bool = True, part: str = ""
    ) -> Config:
        """The configuration of a daemon of ours that listens and speaks here."""
        streams = {
            "signal": StreamRequirement(source_id=self.spikes_id),
            "labels": StreamRequirement(source_id=self.labels_id) if learns else None,
            "wait_s": READY_S,
        }
        commands, control = self.socket(f"commands{part}"), self.socket(f"control{part}")
        return config.model_copy(
            update={
                "decoder": decoder,
                "lsl": config.lsl.model_copy(update=streams),
                "publish": config.publish.model_copy(update={"endpoint": commands}),
                "control": config.control.model_copy(update={"endpoint": control}),
            }
        )

    def write(self, config: Config, part: str = "") -> str:
        """Write a daemon's configuration; return the file's name."""
        file = self.folder / f"{self.name}{part}.yaml"
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
        return str(file)
