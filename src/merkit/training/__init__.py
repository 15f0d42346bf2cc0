"""What the training of all networks has in common."""
