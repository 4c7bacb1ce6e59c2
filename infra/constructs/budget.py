"""What a month may cost: alerts before and after it is spent."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.stage import Stage

# Of the budget in percent, and of what: what was spent, or what the month will come to.
NOTICES = ((80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED"))


class Budget(Construct):
    """Of the whole account: a budget by tags stays at zero until somebody activates the tags."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, alert_topic_arn: str) -> None:
        super().__init__(scope, id)
        subscriber = {"subscriptionType": "SNS", "address": alert_topic_arn}
        budgets.CfnBudget(
            self,
            "Budget",
            budget={
                "budgetName": stage.name(),
                "budgetType": "COST",
                "timeUnit": "MONTHLY",
                "budgetLimit": {"amount": stage.cost.budget_dollars, "unit": "USD"},
            },
            notifications_with_subscribers=[
                {
                    "notification": {
                        "notificationType": kind,
                        "comparisonOperator": "GREATER_THAN",
                        "threshold": percent,
                        "thresholdType": "PERCENTAGE",
                    },
                    "subscribers": [subscriber],
                }
                for percent, kind in NOTICES
            ],
        )
