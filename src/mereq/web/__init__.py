"""Supervision by a person: a page in the browser that shows the policy, and on which the person takes over."""
