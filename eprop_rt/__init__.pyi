from .approximation import approximation_cosines, cosine
from .config import BinSettings, EpropSettings, PipelineSettings, RuleSettings
from .decoder import Decoder, build_decoder
from .engine import Engine
from .gradient import TrialGradient, trial_gradient
from .pipeline import Output, Pipeline
from .series import Chunk, LabelChunk, StreamInfo

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
