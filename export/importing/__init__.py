"""Somebody's QONNX file as an integer program of the tool: exact requantization, a file for each family of nodes."""
