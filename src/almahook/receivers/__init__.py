"""Hosts: each translates its own way of saying HTTP to the one decision, and the reply back."""
