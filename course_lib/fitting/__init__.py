"""What is wrong with a sound, and how to improve it: losses, their landscapes, gradient descent."""
