"""Exercises that answer back: `exercise("gain-1").check(answer)`, `.hint()`, `.solution()`, and your progress."""

from course_lib.exercises.base import Exercise
from course_lib.exercises.registry import all_exercises, exercise
from course_lib.exercises.report import load_progress, progress, save_progress
from course_lib.exercises.verdict import Verdict

__all__ = ["Exercise", "Verdict", "all_exercises", "exercise", "load_progress", "progress", "save_progress"]
