"""eprop-rt: online e-prop learning of recurrent spiking networks, bin by bin.

Numbers in, numbers out: nothing here opens a socket or a file, reads a clock or writes a log.
"""

from eprop_rt.approximation import approximation_cosines, cosine
from eprop_rt.config import BinSettings, EpropSettings, PipelineSettings, RuleSettings
from eprop_rt.decoder import Decoder, build_decoder
from eprop_rt.engine import Engine
from eprop_rt.gradient import TrialGradient, trial_gradient
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk, StreamInfo

__all__ = [
    "BinSettings",
    "Chunk",
    "Decoder",
    "Engine",
    "EpropSettings",
    "LabelChunk",
    "Output",
    "Pipeline",
    "PipelineSettings",
    "RuleSettings",
    "StreamInfo",
    "TrialGradient",
    "approximation_cosines",
    "build_decoder",
    "cosine",
    "trial_gradient",
]
