"""What a quantized tagger costs and how well it holds its symmetries: formulas and measurements."""
