"""The usual ways to refine a file, each a script: python -m bench.peers.loop SOURCE OUT."""
