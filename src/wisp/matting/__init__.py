"""From image and guidance to alpha and true colours, without a network."""
