"""What the model is told: system prompt, notebook parts, budget, compaction."""
