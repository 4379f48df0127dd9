"""From sound up to notes and note controls."""
