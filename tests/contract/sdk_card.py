"""Read a model card from stdin with the SageMaker SDK's own classes; print what they understood."""

from __future__ import annotations

import json
import sys

from sagemaker.core.shapes.model_card_shapes import ModelCardContent

card = ModelCardContent.model_validate(json.load(sys.stdin))
json.dump(card.model_dump(mode="json", exclude_none=True), sys.stdout)
