"""Inverse reinforcement learning of the residual reward from interventions. Section 5.2."""
