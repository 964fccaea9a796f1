"""Optimizers in processes of their own: any program that speaks the protocol, or a library in its own environment.

The protocol is described in `docs/protocol.md`.
"""

from optathlon.environment import Environment
from optathlon.remote.adapters import CommandOptimizer, EnvironmentOptimizer, RemoteOptimizer, Timeout
from optathlon.remote.child import RemoteError

__all__ = ["CommandOptimizer", "Environment", "EnvironmentOptimizer", "RemoteError", "RemoteOptimizer", "Timeout"]
