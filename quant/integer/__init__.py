"""Integer programs: each op's arithmetic written once, executed everywhere."""
