"""hls4ml projects: writing, after-write lint, C-simulation, vendor tools."""
