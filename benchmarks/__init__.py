"""Speed and memory, measured beside programs that others would write."""
