"""The doors to state beside the v2 API: Terraform's `http` backend, the old `atlas` one, and uploads by address."""
