"""What a session leaves behind: the journal, checkpoints, and the digest of it all."""

import os
import platform
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Self

from eprop_rt.config import DecoderSettings
from eprop_rt.orders import Order
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk, StreamInfo
from eprop_rt_services.checkpoint import Checkpoint, digest
from eprop_rt_services.config import Config
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.journal.events import Counted, End, Kept, Noted, Ordered, Start, Taken
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.journal.writer import Journal, Layout
from eprop_rt_services.keeper import CheckpointKeeper
