"""Assignments that grade themselves: release them, collect what comes back, run it apart, test it, report it.

The tests and what a student handed in run in two processes that exchange numbers only. What a submission does to its
own process, to its tests, to PyTorch or to `assert` therefore changes no mark; it can only answer calls, rightly or
wrongly.
"""

from course_lib.grading.marking import grade
from course_lib.grading.releasing import release
from course_lib.grading.result import Result
from course_lib.grading.sandbox import Limits
from course_lib.grading.source import Assignment, load_assignments

__all__ = ["Assignment", "Limits", "Result", "grade", "load_assignments", "release"]
