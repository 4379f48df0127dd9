"""Effects: sound in, sound out, every parameter differentiable."""
