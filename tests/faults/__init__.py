"""What survives kills, full disks and bad files."""
