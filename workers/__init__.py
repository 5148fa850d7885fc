"""The processes beside the web: RQ jobs, the clock and the inbox."""
