"""What is wrong with a sound: distances between a prediction and a target."""

from course_lib.fitting.losses.frequency import autocorrelation_loss, spectral_transport_loss
from course_lib.fitting.losses.multiscale import FFT_SIZES, MultiscaleSpectralLoss, multiscale_spectral_loss
from course_lib.fitting.losses.simple import spectral_l1, waveform_l1
from course_lib.fitting.losses.stft import stft_magnitude

__all__ = [
    "FFT_SIZES", "MultiscaleSpectralLoss", "autocorrelation_loss", "multiscale_spectral_loss", "spectral_l1",
    "spectral_transport_loss", "stft_magnitude", "waveform_l1",
]  # fmt: skip
