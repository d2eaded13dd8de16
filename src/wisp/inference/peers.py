"""Old path of `wisp.engine.peers`; it goes in version 0.4."""

from wisp.engine.peers import PEERS, Guidance, LoadedPeer, Network, Peer, Signature, find_peer, open_peer

__all__ = ["PEERS", "Guidance", "LoadedPeer", "Network", "Peer", "Signature", "find_peer", "open_peer"]
