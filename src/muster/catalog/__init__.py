"""What lies in the lake: datasets, batches, files."""
