"""Waiting: small Trio primitives that are usable without workflows."""
