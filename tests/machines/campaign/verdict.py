"""From the facts of a run to the findings of its checkers. Pure: no clock, no file, no machine."""
from .fault import NO, SAME, UNDAMPED, YES, Facts, Finding

CONVERGENCE_LIMIT = 60   # seconds


def judge(facts: Facts) -> list[Finding]:
    """Every checker's finding, the grave ones first."""
    if not facts.injected_at:
        return facts.workloads  # the load did not start: nothing else can be said
    return [*facts.workloads, overlap(facts), convergence(facts), *facts.end_state, takeover(facts), removal(facts),
            alarms(facts), gap(facts), reached(facts)]


def state_of(findings: list[Finding]) -> str:
    """violated before undecided before over before ok."""
    states = {finding.state for finding in findings}
    return next((state for state in ("violated", "undecided", "over") if state in states), "ok")


def overlap(facts: Facts) -> Finding:
    """Two hosts with an open gate at one time."""
    spans = sorted((start, end, host) for host, found in facts.service.items() for start, end in found)
    for (_, end, host), (start, _, other) in zip(spans, spans[1:]):
        if host != other and start < end:
            return Finding("one gate", "violated", f"{host} was open until {end:.3f} s, {other} from {start:.3f} s")
    return Finding("one gate", "ok")


def convergence(facts: Facts) -> Finding:
    if facts.converged_after is None:
        return Finding("convergence", "violated", facts.missing)
    return Finding("convergence", "ok" if facts.converged_after <= CONVERGENCE_LIMIT else "violated",
                   f"{facts.converged_after:.1f} s")


def takeover(facts: Facts) -> Finding:
    others = [holder for holder in facts.holders if holder != facts.first_holder]
    moved = bool(others) or facts.last_epoch != facts.first_epoch
    if (facts.fault.takeover == NO and moved) or (facts.fault.takeover == SAME and others):
        return Finding("takeover", "violated", f"unexpected: {facts.first_holder} then {', '.join(facts.holders)}, "
                       f"epoch {facts.first_epoch} then {facts.last_epoch}")
    if facts.fault.takeover == YES and not others:
        return Finding("takeover", "violated", f"none, {facts.first_holder} still holds")
    if facts.fault.takeover == UNDAMPED and not moved:
        return Finding("takeover", "violated", f"{facts.first_holder} still holds, in the same epoch")
    return Finding("takeover", "ok", f"to {', '.join(others)}" if others else "none")


def removal(facts: Facts) -> Finding:
    expected = facts.fault.removal
    if expected == YES and not facts.standby_left:
        return Finding("removal", "violated", "the standby stayed a member")
    if expected == NO and facts.standby_left:
        return Finding("removal", "violated", "the standby left the members")
    return Finding("removal", "ok", "left" if facts.standby_left else "stayed")


def alarms(facts: Facts) -> Finding:
    silent = [text for text in facts.fault.shows if text.lower() not in facts.shown.lower()]
    if silent:
        return Finding("alarm", "violated", f"neither status nor events say: {'; '.join(silent)}")
    return Finding("alarm", "ok")


def longest_ms(gaps: list[tuple[float, float]]) -> float:
    return max((1000 * (end - start) for start, end in gaps), default=0.0)


def longest_gap_ms(facts: Facts) -> float:
    return longest_ms(facts.gaps)


def gap(facts: Facts) -> Finding:
    limit = facts.fault.gap_ms
    if limit is None:
        return Finding("gap", "ok", f"{longest_gap_ms(facts):.0f} ms, no service is promised while it lasts")
    is_in_place = lambda gap: any(gap[0] <= at <= gap[1] for at in facts.in_place)
    apart = [gap for gap in facts.gaps if facts.fault.in_place_gap_ms and is_in_place(gap)]
    longest, in_place = longest_ms([gap for gap in facts.gaps if gap not in apart]), longest_ms(apart)
    text = f"{longest:.0f} ms, limit {limit} ms"
    if apart:
        text += f"; restarted in place {len(apart)} times: {in_place:.0f} ms, limit {facts.fault.in_place_gap_ms} ms"
    is_short = longest <= limit and in_place <= facts.fault.in_place_gap_ms
    return Finding("gap", "ok" if is_short else "over", text)


def reached(facts: Facts) -> Finding:
    if facts.unreached:
        return Finding("reached", "undecided", facts.unreached)
    return Finding("reached", "ok")
