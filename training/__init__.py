"""Training and fine-tuning of the models."""
