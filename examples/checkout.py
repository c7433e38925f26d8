"""A checkout that talks to real HTTP services, and everything that can go wrong on the way.

(being written)
"""
