"""QONNX export, model-local functions, graph lint, hls4ml extension."""
