"""IRBot guards itself: a change of its own app, or of the groups that give its roles, is shown and asked about.

What was accepted last is the truth. A difference makes an alarm, once; an administrator says whether it was us. Until
then somebody new in a group gives no orders through it.
"""
