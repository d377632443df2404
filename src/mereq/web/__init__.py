"""A person at the wheel: a page in the browser where somebody watches the policy, takes over and hands back."""
