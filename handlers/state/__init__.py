"""The engines' door to state. Now: Terraform's `http` backend, for runs."""
