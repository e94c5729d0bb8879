"""Reconstruction that stays loaded, for online use: events over a local socket, or from a folder that is watched."""

from .client import Client
from .limits import Limits
from .server import serve

__all__ = ["Client", "Limits", "serve"]
