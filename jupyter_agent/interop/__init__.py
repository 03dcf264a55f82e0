"""The five interfaces this project grew out of, each usable as it stands over any of our providers.

One module an interface: its types, its conversions, and the provider that speaks it. No other room
imports this one.
"""
