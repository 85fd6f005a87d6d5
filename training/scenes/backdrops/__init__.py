"""What lies behind the objects: one backdrop for each setting."""
