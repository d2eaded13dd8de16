"""Grounds that every other room stands on; imports nothing of wisp but itself."""
