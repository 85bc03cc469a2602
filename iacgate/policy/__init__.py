"""What each environment demands, and which stack a plan belongs to."""
