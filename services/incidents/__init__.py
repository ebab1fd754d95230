"""Incidents: the account, the timeline, the evidence."""
