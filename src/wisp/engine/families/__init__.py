"""One module for each family of networks: what goes in, how often it runs, what comes back."""
