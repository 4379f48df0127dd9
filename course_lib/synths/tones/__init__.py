"""The pitched parts that a tone may have beside harmonics, one file each."""
