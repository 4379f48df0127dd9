"""What every floor stands on: checks, units, frame rate to sample rate, frequency to phase."""
