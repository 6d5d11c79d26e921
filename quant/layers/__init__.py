"""Quantized layers: what stands in for each float layer when a tagger is quantized."""
