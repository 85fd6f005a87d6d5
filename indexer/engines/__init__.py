"""Who runs the steps of a job: this process, or a cluster."""
