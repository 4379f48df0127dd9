"""Finding frequencies by gradient: remedies for the local minima, and how close to the limit they come."""

from course_lib.fitting.frequency.bounds import cramer_rao_hz, share_within
from course_lib.fitting.frequency.comb import fit_f0
from course_lib.fitting.frequency.mixture import fit_sinusoids
from course_lib.fitting.frequency.remedies import DEFAULT_STEPS, METHODS, fit_frequency
from course_lib.fitting.frequency.result import FrequencyFit

__all__ = [
    "DEFAULT_STEPS", "METHODS", "FrequencyFit", "cramer_rao_hz", "fit_f0", "fit_frequency", "fit_sinusoids",
    "share_within",
]  # fmt: skip
