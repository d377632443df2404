"""What was recorded while a person, or a program in their place, supervised the policy."""
