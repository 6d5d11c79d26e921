"""Points: trainings, and what is made of them, as jobs that a study or a sweep has done side by side."""
