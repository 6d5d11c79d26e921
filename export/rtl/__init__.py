"""The open RTL path: the firmware graph as pipelined Verilog, its simulation and its synthesis (docs/rtl.md)."""
