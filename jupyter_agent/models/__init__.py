"""What is known of each model: limits, prices, where its credentials are."""
