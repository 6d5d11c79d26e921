"""Verilog as text: modules, signals, delays of the part, the clock."""
