"""Pictures of sounds, controls, notes, losses and fits. Each takes `ax=None` and returns the axes."""

from course_lib.display.plots.axes import COLOURS
from course_lib.display.plots.controls import plot_controls, plot_envelopes
from course_lib.display.plots.fits import animate_history, plot_history, plot_loss_landscape
from course_lib.display.plots.network import plot_network
from course_lib.display.plots.notes import plot_deep_performer, plot_hierarchy, plot_notes
from course_lib.display.plots.sounds import plot_spectrogram, plot_spectrum, plot_waveform

__all__ = [
    "COLOURS", "animate_history", "plot_controls", "plot_deep_performer", "plot_envelopes", "plot_hierarchy",
    "plot_history", "plot_loss_landscape", "plot_network", "plot_notes", "plot_spectrogram", "plot_spectrum",
    "plot_waveform",
]  # fmt: skip
