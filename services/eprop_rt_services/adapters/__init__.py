"""Decoders in the shape that public benchmarks call, without importing them."""

from eprop_rt_services.adapters.falcon import FalconDecoder
from eprop_rt_services.adapters.neurobench import NeuroBenchDecoder

__all__ = ["FalconDecoder", "NeuroBenchDecoder"]
