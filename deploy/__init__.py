"""Ways to run Apportion: `deploy.local` without containers; beside it container, metrics and cluster files."""
