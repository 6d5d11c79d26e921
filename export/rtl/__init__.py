"""The firmware graph as pipelined Verilog, its simulation and its synthesis (docs/rtl.md, docs/rtl-design.md)."""
