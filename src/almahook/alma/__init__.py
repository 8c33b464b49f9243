"""Alma's REST API: regions, keys, the calls per second and per day, error bodies, lists."""

from almahook.alma.address import REGIONS, path_of
from almahook.alma.client import AlmaClient
from almahook.alma.limiter import RateLimiter

__all__ = ["REGIONS", "AlmaClient", "RateLimiter", "path_of"]
