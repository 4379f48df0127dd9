"""How a network is trained, resumed and shared among processes."""
