"""What figures share: modules of their scripts, each with what its twin in Python shares, and the style sheet."""
