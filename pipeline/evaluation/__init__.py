"""What a trained network does on the test recordings: accuracy after each step, firing rates, operations, energy."""
