"""AWS Budgets: what a month was to cost, has cost and will."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.ports.clients import client


@dataclass(frozen=True)
class Spending:
    """Dollars of this month. forecast: what it will come to; 0 where AWS does not say yet."""

    limit: float
    actual: float
    forecast: float


def spending(account: str, name: str) -> Spending:
    """How a budget stands."""
    found = client("budgets").describe_budget(AccountId=account, BudgetName=name)["Budget"]
    spent = found.get("CalculatedSpend", {})
    return Spending(
        float(found["BudgetLimit"]["Amount"]),
        float(spent.get("ActualSpend", {}).get("Amount", 0)),
        float(spent.get("ForecastedSpend", {}).get("Amount", 0)),
    )
