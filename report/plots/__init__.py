"""The figures of a run's report, one a file: drawn once, shown in the page and written for talks."""
