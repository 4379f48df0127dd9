"""How the four networks of MIDI-DDSP learn."""
