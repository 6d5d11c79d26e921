"""Requantization with free scales and zero points: step functions, and integer forms proved at each step."""
