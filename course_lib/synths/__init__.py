"""Instruments: pure functions from controls to sound, each with a thin `torch.nn.Module` that owns raw parameters."""
