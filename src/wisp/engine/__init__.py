"""Running the shipped networks."""
