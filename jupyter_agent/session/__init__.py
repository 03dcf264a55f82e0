"""One conversation: its state, its runs, its journal, its review, its recovery after a crash."""
