"""Tables and reports made from run directories."""
