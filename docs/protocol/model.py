#!/usr/bin/env python3
"""Explicit-state check of the leadership and sync-set rules (docs/adr/0002-every-promotion-wins-an-epoch.md).

No clock appears: a member of the recorded set S may take over at any moment, the old primary is never
fenced, and an etcd transaction may take effect long after it was sent. So what holds here does not rest
on timing at all. usage: protocol-model.py [nodes] [writes] [epochs]; without arguments 2 2 3 (14 s).
Mutants drop one rule each; every one of them must be caught.
"""
import sys
from collections import deque, namedtuple

N, W, E = (int(x) for x in (sys.argv[1:] + ['2', '2', '3'][len(sys.argv) - 1:]))
NODES = range(N)
# node: role P(rimary) S(tandby) D(own); ep: the epoch it leads or follows; log: durable WAL; up: upstream or -1
# conf: names in the configuration; eff: names the running postgres waits for; known: etcd revision its agent last won or read
# goal: standby being added (-1 none); mark: WAL length that standby must reach; heard: WAL length each standby ever
# reported to this run of the primary (a report may be read long after the connection is gone)
Node = namedtuple('Node', 'role ep log up conf eff known goal mark heard')
# etcd record: rev, holder, epoch, S; hist: older S by revision (for stale reads); net: transactions sent and not yet applied
St = namedtuple('St', 'nodes rev holder epoch S net hist acked nextw')

def prefix(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]: n += 1
    return a[:n]

def upd(s, i, **k):
    if k.get('role', 'P') != 'P': k['heard'] = (0,) * N
    ns = list(s.nodes); ns[i] = ns[i]._replace(**k); return s._replace(nodes=tuple(ns))

def heard(s, i, j, length):
    h = s.nodes[i].heard; return upd(s, i, heard=h[:j] + (max(h[j], length),) + h[j + 1:])

def commit(s, t):
    """One etcd transaction: (kind, node, expected revision, new S). Applied only if the revision still matches;
    then every other one in flight carries an old revision and is dead."""
    kind, i, want, newS = t
    s = s._replace(net=s.net - {t})
    if s.rev != want: return s
    ep = s.epoch + 1 if kind == 'take' else s.epoch
    return s._replace(rev=s.rev + 1, holder=i if kind == 'take' else s.holder, epoch=ep, S=newS,
                      net=frozenset(), hist=(s.hist + (newS,))[-3:] if s.hist else ())

def nexts(s, mut):
    out = []
    for i in NODES:
        n = s.nodes[i]
        mine = n.role == 'P' and s.holder == i and s.epoch == n.ep
        if n.role == 'P':
            if s.nextw < W: out.append(('write', upd(s, i, log=n.log + (s.nextw,))._replace(nextw=s.nextw + 1)))
            for k, w in enumerate(n.log):                       # the client gets its COMMIT
                if w not in s.acked and all(n.heard[j] > k for j in n.eff):
                    out.append(('ack', s._replace(acked=s.acked | {w})))
            if n.eff != n.conf: out.append(('reload takes effect', upd(s, i, eff=n.conf)))
            out.append(('crash', upd(s, i, role='D', up=-1, goal=-1, mark=-1)))
            if n.known == s.rev and mine:                      # this agent's picture is current
                for j in s.S - {i}:                            # remove a standby: CAS first ...
                    out.append(('send remove', s._replace(net=s.net | {('rm', i, s.rev, s.S - {j})})))
                    if 'relax-first' in mut: out.append(('relax', upd(s, i, conf=n.conf - {j}, eff=n.eff - {j})))
                for j in NODES:                                # add a standby: names first ...
                    t = s.nodes[j]
                    if j != i and j not in s.S and t.up == i and n.goal == -1:
                        out.append(('names', upd(s, i, conf=n.conf | {j}, goal=j, mark=-1)))
                if n.goal != -1:
                    j = n.goal; t = s.nodes[j]
                    ready = n.eff >= n.conf or 'no-barrier' in mut
                    if ready and n.mark == -1: out.append(('mark', upd(s, i, mark=len(n.log))))
                    if (n.mark != -1 and t.up == i and len(t.log) >= n.mark) or ('add-first' in mut and t.up == i):
                        out.append(('send add', s._replace(net=s.net | {('add', i, s.rev, s.S | {j})})))
            if n.known != s.rev and mine:                      # answer of the own transaction (a successful CAS, never a read)
                want = s.S - {i}
                out.append(('won', upd(s, i, known=s.rev, conf=want, goal=-1, mark=-1)))
            if 'stale-read' in mut and mine:
                for old in s.hist: out.append(('stale', upd(s, i, conf=old - {i})))
        if n.role == 'S':
            p = n.up
            if p >= 0 and s.nodes[p].role == 'P' and s.nodes[p].ep == n.ep:
                pl = s.nodes[p].log
                if len(n.log) < len(pl) and pl[:len(n.log)] == n.log: out.append(('stream', heard(upd(s, i, log=pl[:len(n.log) + 1]), p, i, len(n.log) + 1)))
            elif p >= 0: out.append(('stream broken', upd(s, i, up=-1)))
            if p >= 0: out.append(('cut', upd(s, i, up=-1)))
            if p == -1 and s.holder != i and s.nodes[s.holder].role == 'P' and s.nodes[s.holder].ep == s.epoch:
                h = s.nodes[s.holder]                           # (re)connect; another epoch, or WAL the leader lacks: rewind first
                base = n.log if 'no-rewind' in mut else prefix(n.log, h.log)
                out.append(('follow', heard(upd(s, i, up=s.holder, ep=s.epoch, log=base), s.holder, i, len(base))))
            if (i in s.S or 'any-bids' in mut) and (s.holder != i or s.epoch == n.ep) and s.epoch < E:
                out.append(('send take', s._replace(net=s.net | {('take', i, s.rev, frozenset({i}) if 'any-bids' in mut else s.S)})))
        if s.holder == i and n.role == 'S' and s.epoch > n.ep:  # won a new epoch: promote; the receiver stops, all that was flushed is kept;
            first = frozenset() if 'open-early' in mut else s.S - {i}   # it waits for all of S until it has removed them (R2)
            out.append(('promote', upd(s, i, role='P', ep=s.epoch, up=-1, conf=first, eff=first, known=s.rev, goal=-1, mark=-1)))
        if n.role == 'D':                                       # a crash ends the epoch: also the old holder must win a new one (R1, R4)
            if i in s.S and s.epoch < E: out.append(('send take', s._replace(net=s.net | {('take', i, s.rev, s.S)})))
            if s.holder == i and 'no-claim' in mut: out.append(('restart', upd(s, i, role='P', ep=s.epoch, conf=s.S - {i}, eff=s.S - {i}, known=s.rev)))
            if s.holder == i and 'start-race' in mut: out.append(('restart', upd(s, i, role='P', ep=s.epoch, conf=s.S - {i}, eff=frozenset(), known=s.rev)))
            out.append(('start closed', upd(s, i, role='S', up=-1)))    # PostgreSQL always starts as a standby of nobody
        if n.role == 'P' and s.holder != i:                     # deposed, noticed at last (may be never)
            out.append(('step down', upd(s, i, role='S', up=-1, conf=frozenset(), eff=frozenset(), goal=-1, mark=-1)))
    for t in s.net:
        out.append(('etcd applies ' + t[0], commit(s, t)))
    return out

def bad(s):
    for i in s.S:                                               # whoever leads or may be promoted holds every acknowledged write
        if not s.acked <= set(s.nodes[i].log): return f'node {i} in S lacks an acknowledged write'
    if s.holder not in s.S: return 'holder outside S'
    return None

def run(mut, limit=4_000_000):
    first = Node('P', 1, (), -1, frozenset(), frozenset(), 1, -1, -1, (0,) * N)
    rest = tuple(Node('S', 1, (), 0, frozenset(), frozenset(), 0, -1, -1, (0,) * N) for _ in range(N - 1))
    s0 = St((first,) + rest, 1, 0, 1, frozenset({0}), frozenset(), (frozenset({0}),) if 'stale-read' in mut else (), frozenset(), 0)
    seen = {s0: None}; q = deque([s0])
    while q:
        s = q.popleft()
        for name, t in nexts(s, mut):
            if t.rev > 2 + 2 * E or t in seen: continue
            seen[t] = (s, name)
            why = bad(t)
            if why:
                path = []; x = t
                while seen[x]: path.append(seen[x][1]); x = seen[x][0]
                return why, list(reversed(path)), len(seen)
            if len(seen) >= limit: return None, ['limit'], len(seen)
            q.append(t)
    return None, [], len(seen)

if __name__ == '__main__':
    why, path, n = run(frozenset())
    print(f'rules as written: {n} states, ' + (f'VIOLATED {why}: {path}' if why else ('holds' + (' up to the state limit' if path else f', all states with at most {2 + 2 * E} record changes visited'))))
    fail = bool(why)
    for m in ('relax-first', 'no-barrier', 'add-first', 'stale-read', 'any-bids', 'no-rewind', 'start-race', 'no-claim', 'open-early'):
        why, path, n = run(frozenset({m}))
        print(f'mutant {m:12s}: ' + (f'caught in {len(path)} steps: {" > ".join(path)}' if why else f'NOT caught ({n} states)'))
        fail = fail or not why
    sys.exit(1 if fail else 0)
