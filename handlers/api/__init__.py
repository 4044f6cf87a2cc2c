"""What all areas share: who calls, what they may, and how the four APIs write their answers and refusals."""
