"""Settings for all tests: no time limit per drawn example (a first import is slow), and the same draws every run."""

from hypothesis import settings

settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")
