"""Long runs: what the suite shows in a small measure, shown in a large one. Each is a command of its own."""
