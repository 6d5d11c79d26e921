"""Programs that read the Verilog: simulation with Verilator, synthesis with Yosys, Vivado."""
