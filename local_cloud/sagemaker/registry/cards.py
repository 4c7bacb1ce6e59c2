"""The model card within a package: what UpdateModelPackage and CreateModelPackage refuse of it.

Checked as far as it is documented: length, one line, JSON, the sections and the overview of the
schema for packages, the status, and that an archived card stays as it is.
"""

import json

from local_cloud.sagemaker.runtime.errors import invalid
from local_cloud.sagemaker.runtime.store import JsonObject

STATUSES = ("Draft", "PendingReview", "Approved", "Archived")
MAX_LENGTH = 100_000
SECTIONS = {
    *("model_overview", "intended_uses", "business_details", "training_details"),
    *("evaluation_details", "additional_information"),
}
OVERVIEW = {"model_creator", "model_artifact"}


def updated(card: JsonObject, change: JsonObject) -> JsonObject:
    """A card after a change of its content, of its status, or of both; refuses what AWS refuses."""
    status = change.get("ModelCardStatus", card.get("ModelCardStatus", "Draft"))
    if status not in STATUSES:
        raise invalid(
            f"Value '{status}' at 'modelCard.modelCardStatus' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(STATUSES)}]"
        )
    if "ModelCardContent" in change:
        if card.get("ModelCardStatus") == "Archived":
            raise invalid("Model Card is in Archived state")
        _check(str(change["ModelCardContent"]))
    return {**card, **change, "ModelCardStatus": status}


def _check(content: str) -> None:
    where = "Value at 'modelCard.modelCardContent' failed to satisfy constraint: Member must"
    if len(content) > MAX_LENGTH:
        raise invalid(f"{where} have length less than or equal to {MAX_LENGTH}")
    if len(content.splitlines()) > 1:  # `.` of Java's expressions is no end of a line
        raise invalid(f"{where} satisfy regular expression pattern: .*")
    try:
        card = json.loads(content)
    except ValueError:
        raise invalid("Model card content is not valid JSON") from None
    if not isinstance(card, dict):
        raise invalid("Model card content is not a JSON object")
    unknown = sorted(card.keys() - SECTIONS)
    overview = card.get("model_overview", {})
    unknown += sorted(f"model_overview.{name}" for name in overview.keys() - OVERVIEW)
    if unknown:
        raise invalid(f"Model card content does not follow the schema: {', '.join(unknown)}")
