"""The shipped networks, each with its card."""
