"""Typed results, structured concurrency and durable steps for Trio programs."""
