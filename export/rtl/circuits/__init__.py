"""Circuits of single operations: sums, products, shifts, tables, multiplexers."""
