"""Files on a local disk: whole or not there, and under names of any bytes."""
