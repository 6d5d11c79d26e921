"""The page of a report: one self-contained HTML file, light and dark, for a screen, a phone and a printer."""
