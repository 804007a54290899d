"""What is known of video. Pure, but for `run`, which alone starts processes."""
