"""What several tests share: a hermetic Terraform workspace, and a provider to plan with."""
