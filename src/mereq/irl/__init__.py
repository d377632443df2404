"""Inverse reinforcement learning: the residual reward that explains the interventions. Section 5.2."""
