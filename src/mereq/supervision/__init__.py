"""Who acts: rules, synthesized experts, and the supervised rollout."""
