#!/usr/bin/env python3
"""Explicit-state check of the pause as a long lease (R11, docs/adr/0006-a-pause-is-a-long-lease.md), with clocks.

A holder H and another member M, true time in ticks; a clock shows SLOW to FAST units per tick instead of NOMINAL,
the worst for exclusivity: H's slow, M's fast. The link and H's loop may fail at any moment, H's agent may restart, a
transaction may take effect late or never, an answer may be lost. Found: H's gate and M's gate open at once.
Mutants weaken one sentence of R11 each; every one of them must be caught. usage: pause_model.py
"""
import sys
from collections import deque, namedtuple
from fractions import Fraction

NOMINAL, RHO = 4, Fraction(1, 4)                 # a large rate error: the arithmetic shows within few ticks
SLOW, FAST = 3, 5
LEASE, GRACE, PAUSE = 8, 20, 24                  # own units; GRACE (1 - rho) > LEASE (1 + rho) + T_GATE, as in 3.4
T_GATE = 1                                       # ticks: the kernel may shut so late
CHANGES = 4                                      # of the record, at most: a pause, another one in its place, its end, a bid

def wait_of(mut):
    """How long M must know of the pause, in its own units."""
    gate = T_GATE * NOMINAL
    if 'short-wait' in mut: return PAUSE * (1 + 2 * RHO) + gate
    return (PAUSE * (1 + RHO) + gate) / (1 - RHO)

# Record: rev; pid: the pause's id, 0: normal. Ages in ticks, -1: none; they stop counting where nothing depends on more.
# H: lease: since the pause it lives by was sent; ask, want: since the pause now asked for was sent, and its id; ending: it
#    has sent an end; conf: since M confirmed; gate: ticks for which the kernel keeps it open; runs: its loop;
#    net: its transaction on its way
# M: mrev, mpid: what it has read; known: since it knows this pause; fresh: since its count began anew; bid: on its way; open
St = namedtuple('St', 'rev pid lease ask want ending conf gate runs link net mrev mpid known fresh bid open')

def older(age, longest): return age if age < 0 else min(age + 1, longest)

def lasts(age, length):
    """Ticks for which H's slow clock still shows less than `length` since then."""
    return 0 if age < 0 else max(0, -(-(length - age * SLOW) // SLOW))

def permit(s, mut):
    ordinary = lasts(s.conf, LEASE)
    if s.ending and 'lease-until-answer' not in mut: return ordinary
    return max(ordinary, min(lasts(0, LEASE), lasts(s.lease, PAUSE)))

def refreshed(s, mut):
    """H's loop sets the gate to what it may; once shut by a lost permit it may open again."""
    if not s.runs: return s
    ticks = permit(s, mut)
    return s._replace(gate=ticks + T_GATE if ticks > 0 else 0)

def tick(s, mut):
    s = s._replace(lease=older(s.lease, 9), ask=older(s.ask, 9), conf=older(s.conf, 4), known=older(s.known, 10),
                   fresh=older(s.fresh, 4), gate=max(0, s.gate - 1))
    # A heartbeat and its confirmation; who has a bid on its way confirms nothing.
    if s.link and s.runs and not s.bid and not s.open: s = s._replace(conf=0)
    return refreshed(s, mut)

def may_bid(s, mut):
    if s.bid or s.open: return False
    has_run_out = not s.mpid or s.known * FAST >= wait_of(mut)
    if s.mpid and 'count-ignored' in mut: return has_run_out
    return has_run_out and min(s.conf, s.fresh) * FAST >= GRACE  # R6 counts in a pause as well

def applied(s):
    """etcd carries out H's transaction: (revision compared, id of the pause or 0)."""
    want, pid = s.net
    s = s._replace(net=None)
    return s._replace(rev=s.rev + 1, pid=pid) if s.rev == want else s

def nexts(s, mut):
    out = [('tick', tick(s, mut)), ('link', s._replace(link=not s.link))]
    if s.runs:
        out.append(('H stands still', s._replace(runs=False)))
        if not s.net and s.rev < CHANGES:
            if s.ask < 0 and not s.ending and s.gate:           # a pause, or another one in its place
                out.append(('H sends a pause', s._replace(ask=0, want=s.rev + 1, net=(s.rev, s.rev + 1))))
            if s.ask < 0 and s.pid and (s.ending or lasts(s.conf, LEASE) or not lasts(s.lease, PAUSE)):
                out.append(('H sends the end', refreshed(s._replace(ending=True, net=(s.rev, 0)), mut)))
        if s.ask >= 0 and not s.net:                            # the answer, or its own token, read later
            age = -1 if s.pid != s.want else 0 if 'answer-counts' in mut else s.ask
            out.append(('H learns what became of its pause', refreshed(s._replace(lease=age if age >= 0 else s.lease, ask=-1, want=0), mut)))
        if s.ending and not s.pid and not s.net:
            out.append(('H learns of the end', refreshed(s._replace(lease=-1, ending=False), mut)))
        claimed = 0 if 'restart-keeps-lease' in mut and s.pid else -1
        out.append(('H restarts', refreshed(s._replace(lease=claimed, ask=-1, want=0, ending=False), mut)))
    else:
        out.append(('H goes on', refreshed(s._replace(runs=True), mut)))
    if s.net: out += [('etcd applies', applied(s)), ('etcd never applies', s._replace(net=None))]
    if s.mrev != s.rev:
        is_same = s.mpid and s.pid and 'any-id' in mut
        out.append(('M reads', s._replace(mrev=s.rev, mpid=s.pid, known=(s.known if is_same else 0) if s.pid else -1,
                                          fresh=s.fresh if s.pid or not s.mpid else 0)))
    if may_bid(s, mut) and s.mrev == s.rev: out.append(('M bids', s._replace(bid=s.rev)))
    if s.bid: out.append(('etcd applies the bid', s._replace(bid=0, open=s.bid == s.rev)))
    return out

def run(mut, limit=3_000_000):
    first = refreshed(St(1, 0, -1, -1, 0, False, 0, 0, True, True, None, 1, 0, -1, 0, 0, False), mut)
    seen = {first: None}; queue = deque([first])
    while queue:
        s = queue.popleft()
        if s.open and s.gate:
            path = []
            while seen[s]: path.append(seen[s][1]); s = seen[s][0]
            return list(reversed(path)), len(seen)
        if s.open: continue                                     # and H's gate is shut: nothing opens it again
        for name, t in nexts(s, mut):
            if t not in seen: seen[t] = (s, name); queue.append(t)
        if len(seen) > limit: raise SystemExit('more states than expected')
    return None, len(seen)

if __name__ == '__main__':
    path, count = run(frozenset())
    print(f'R11 as written: {count} states, ' + (f'VIOLATED: {" > ".join(path)}' if path else 'holds, all visited'))
    fail = bool(path)
    for m in ('short-wait', 'answer-counts', 'restart-keeps-lease', 'lease-until-answer', 'any-id', 'count-ignored'):
        path, count = run(frozenset({m}))
        print(f'mutant {m:20s}: ' + (f'caught in {len(path)} steps' if path else f'NOT caught ({count} states)'))
        fail = fail or not path
    sys.exit(1 if fail else 0)
