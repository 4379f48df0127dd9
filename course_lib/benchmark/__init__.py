"""The book's long computations, each with its command; what they give is stored in data/."""
