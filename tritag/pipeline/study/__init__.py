"""Studies: many trainings and one table; killed and called again, a study goes on with what is missing."""
