"""Intake's rules, pure: what a value may look like, what a delivery is, who is rejected and why."""
