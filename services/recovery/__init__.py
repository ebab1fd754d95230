"""Giving an account back: the gate and its waivers, the pass that is shown once, the watch for a return."""
