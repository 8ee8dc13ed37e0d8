"""What can be said about a checked query without data: its reach back in time, its methods of evaluation, its dead parts."""

from muster.pql.facts.facts import Facts, facts
from muster.pql.facts.methods import Eligibility, Method, Obstacle
from muster.pql.facts.uses import EventUse
from muster.pql.facts.windows import Window

__all__ = ["Eligibility", "EventUse", "Facts", "Method", "Obstacle", "Window", "facts"]
