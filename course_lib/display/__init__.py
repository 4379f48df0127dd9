"""What a person sees and hears: players, pictures and live figures."""

from course_lib.display.audio import listen
from course_lib.display.live import live_figure
from course_lib.display.numbers import show_number, show_table
from course_lib.display.plots import (
    animate_history,
    plot_controls,
    plot_deep_performer,
    plot_envelopes,
    plot_hierarchy,
    plot_history,
    plot_loss_landscape,
    plot_network,
    plot_notes,
    plot_spectrogram,
    plot_spectrum,
    plot_waveform,
)

__all__ = [
    "animate_history", "listen", "live_figure", "plot_controls", "plot_deep_performer", "plot_envelopes",
    "plot_hierarchy", "plot_history", "plot_loss_landscape", "plot_network", "plot_notes", "plot_spectrogram",
    "plot_spectrum", "plot_waveform", "show_number", "show_table",
]  # fmt: skip
