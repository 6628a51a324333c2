"""Everything between the engine and an exchange's patience: limits, bans, breakers.

gate = Gate(terms_of("binanceusdm"), bans=Bans(path, clock), clock=clock)
async with gate.request(cost=5) as ticket:
    answer = await client.get(...)
    ticket.told(answer.status_code, answer.headers)

One gate stands for one account and address at one exchange and is shared by all that
ask it. `Unsent` is its refusal: nothing was sent. Reads may go through `reads.retried`;
an order is sent once or not at all.
"""

from actors.exchange.gate.bans import Bans
from actors.exchange.gate.breaker import Breaker, State
from actors.exchange.gate.faults import RULES, Fault, Then, fault_of
from actors.exchange.gate.gate import Gate, Ticket
from actors.exchange.gate.limiter import Lane, Limiter, in_lane
from actors.exchange.gate.reads import retried
from actors.exchange.gate.terms import Terms, beside_ccxt, terms_of

__all__ = [
    "RULES",
    "Bans",
    "Breaker",
    "Fault",
    "Gate",
    "Lane",
    "Limiter",
    "State",
    "Terms",
    "Then",
    "Ticket",
    "beside_ccxt",
    "fault_of",
    "in_lane",
    "retried",
    "terms_of",
]
