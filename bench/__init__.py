"""What this server costs and how fast it is, measured from outside and beside the real opencode.

`python -m bench` runs every scenario; docs/performance.md tells the method and keeps the figures.
"""
