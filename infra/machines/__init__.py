"""State machines: pure functions to Amazon States Language."""
