"""The sound analysis against sounds whose answer is known."""
