"""Scale advice: how many pools of each class a fleet needs, and which may go. Not in the paper."""
