"""VidCompute: self-hosted video infrastructure."""
