"""The exported QONNX file with its model-local functions, the lint that reads it, its executors, and its Verilog."""
