"""What all areas share: callers and roles, and how the four APIs write their answers and refusals."""
