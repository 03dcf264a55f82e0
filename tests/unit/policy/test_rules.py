"""Deny beats ask beats allow, from every scope (R22)."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.policy.grants import Grant
from jupyter_agent.policy.rules import MODES, CallFacts, Rule, decide

PERMISSIONS = ("read", "write", "exec", "network")
permission_sets = st.frozensets(st.sampled_from(PERMISSIONS))
rules = st.lists(
    st.builds(
        Rule,
        effect=st.sampled_from(["allow", "ask", "deny"]),
        tool=st.sampled_from(["*", "edit_*", "edit_cells", "run_cells"]),
        permission=st.none() | st.sampled_from(PERMISSIONS),
    ),
    max_size=4,
)
calls = st.builds(
    CallFacts,
    tool_name=st.sampled_from(["edit_cells", "run_cells", "read_cells"]),
    permissions=permission_sets,
    always_ask=st.booleans(),
    notebook_path=st.none() | st.just("a.ipynb"),
)
grants = st.lists(
    st.builds(
        Grant,
        scope=st.sampled_from(["session", "notebook"]),
        tool_name=st.sampled_from(["edit_cells", "run_cells"]),
        permissions=permission_sets,
        notebook_path=st.none() | st.sampled_from(["a.ipynb", "b.ipynb"]),
    ),
    max_size=3,
)
modes = st.sampled_from(list(MODES))


def needed(call):
    return call.permissions or set(PERMISSIONS)


def speaks_of(rule, call):
    return fnmatchcase(call.tool_name, rule.tool) and rule.permission in {None, *needed(call)}


@given(call=calls, mode=modes, rules=rules, grants=grants)
def test_nothing_lifts_a_deny(call, mode, rules, grants):
    denied = any(rule.effect == "deny" and speaks_of(rule, call) for rule in rules)
    denied |= any(MODES[mode][permission] == "deny" for permission in needed(call))
    verdict = decide(call, mode=mode, rules=rules, grants=grants)
    assert (verdict.effect == "deny") == denied


@given(call=calls, mode=modes, rules=rules, grants=grants)
def test_a_rule_that_asks_and_a_call_that_always_asks_are_never_allowed_unasked(
    call, mode, rules, grants
):
    asks = call.always_ask or any(r.effect == "ask" and speaks_of(r, call) for r in rules)
    if asks:
        verdict = decide(call, mode=mode, rules=rules, grants=grants)
        assert verdict.effect in ("ask", "deny")


@given(call=calls, mode=modes, rules=rules, grants=grants, more=rules)
def test_more_denies_never_permit_more(call, mode, rules, grants, more):
    order = {"deny": 0, "ask": 1, "allow": 2}
    stricter = [rule for rule in more if rule.effect == "deny"]
    before = decide(call, mode=mode, rules=rules, grants=grants)
    after = decide(call, mode=mode, rules=[*rules, *stricter], grants=grants)
    assert order[after.effect] <= order[before.effect]


@given(call=calls, mode=modes, rules=rules)
def test_an_allow_for_a_permission_lifts_the_ask_of_no_other(call, mode, rules):
    allowed = {r.permission for r in rules if r.effect == "allow" and speaks_of(r, call)}
    verdict = decide(call, mode=mode, rules=rules)
    if verdict.effect == "allow" and None not in allowed:
        alone = [
            decide(replace(call, permissions=frozenset({one})), mode=mode).effect
            for one in needed(call) - allowed
        ]
        assert set(alone) <= {"allow"}


def facts(*permissions, **more):
    return CallFacts(tool_name="edit_cells", permissions=frozenset(permissions), **more)


def test_the_modes_permit_what_they_say():
    assert decide(facts("read"), mode="plan").effect == "allow"
    assert decide(facts("write"), mode="plan").effect == "deny"
    assert decide(facts("write"), mode="ask").effect == "ask"
    assert decide(facts("read"), mode="ask").effect == "allow"
    assert decide(facts("write", notebook_path="a.ipynb"), mode="edits").effect == "allow"
    assert decide(facts("write"), mode="edits").effect == "ask", "other files have no review"
    assert decide(facts("write", "exec", notebook_path="a.ipynb"), mode="edits").effect == "ask"
    assert decide(facts("write", "exec", "network"), mode="auto").effect == "allow"


def test_a_call_that_names_no_permission_is_not_trusted():
    assert decide(facts(), mode="ask").effect == "ask"
    assert decide(facts(), mode="plan").effect == "deny"
    rule = Rule(effect="deny", permission="network")
    assert decide(facts(), mode="auto", rules=[rule]).effect == "deny"
    grant = Grant(scope="session", tool_name="edit_cells", permissions=facts().needed)
    assert decide(facts(), mode="ask", grants=[grant]).effect == "allow"


def test_an_allow_for_writing_lets_nothing_run_unasked():
    rule = Rule(effect="allow", permission="write")
    assert decide(facts("write"), mode="ask", rules=[rule]).effect == "allow"
    assert decide(facts("write", "exec"), mode="ask", rules=[rule]).effect == "ask"
    both = [rule, Rule(effect="allow", permission="exec")]
    assert decide(facts("write", "exec"), mode="ask", rules=both).effect == "allow"


def test_a_grant_covers_its_own_tool_permissions_and_notebook_alone():
    grant = Grant(
        scope="notebook",
        tool_name="edit_cells",
        permissions=frozenset({"write"}),
        notebook_path="a.ipynb",
    )
    here = {"mode": "ask", "grants": [grant]}
    assert decide(facts("write", notebook_path="a.ipynb"), **here).effect == "allow"
    assert decide(facts("write", notebook_path="b.ipynb"), **here).effect == "ask"
    assert decide(facts("write", "exec", notebook_path="a.ipynb"), **here).effect == "ask"
