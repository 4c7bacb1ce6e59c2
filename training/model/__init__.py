"""What answers: a model folder and its scorer. numpy alone.

`StarModel.load(folder).rate("It broke.")` answers raw words.
"""

from training.model.star_model import StarModel

__all__ = ["StarModel"]
