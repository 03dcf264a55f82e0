"""Who may do what: pure rules, grants, and approvals that wait for an answer."""
