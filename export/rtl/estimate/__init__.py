"""Resources estimated from the Verilog itself, before any synthesis."""
