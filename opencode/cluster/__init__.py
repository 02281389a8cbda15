"""Several servers on one database: who is alive, and which of them each conversation belongs to."""

from .cluster import Cluster
from .ownership import ALONE, Alone, Ownership
from .peers import Peer

__all__ = ["ALONE", "Alone", "Cluster", "Ownership", "Peer"]
