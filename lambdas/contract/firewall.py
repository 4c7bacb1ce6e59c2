"""The firewall before the API: what it answers, and where it says why."""

from __future__ import annotations

FILTERED = "The firewall refused the request."  # the detail of its 403
WAF_LOGS = "aws-waf-logs-"  # WAF writes only to logs of this name; the stage's prefix follows
