"""Figures of merit: rejection, AUC, classes, regression, and comparisons of two taggers."""
