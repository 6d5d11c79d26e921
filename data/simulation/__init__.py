"""The jet generator: processes, Pythia, detector, clustering, shards, and the sets they make."""
