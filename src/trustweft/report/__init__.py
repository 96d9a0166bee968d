"""What every report shares: drawings and the page around them."""
