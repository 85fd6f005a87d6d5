"""What runs while the service is up."""
