"""Decision rules: from probabilities to stars."""

import numpy as np
import pytest

from training.errors import ConfigurationError
from training.fit.choose_rule import candidates, choose
from training.model.decision import DecisionRule

SPLIT = np.array([[0.43, 0.0, 0.05, 0.1, 0.42]])  # torn between one star and five


def test_argmax_takes_the_likeliest():
    assert DecisionRule("argmax").decide(SPLIT).tolist() == [1]


def test_the_median_takes_the_middle():
    assert DecisionRule("median").decide(SPLIT).tolist() == [4]


def test_cost_lies_between_the_two():
    assert (
        DecisionRule("cost", 0.0).decide(SPLIT).tolist()
        == DecisionRule("argmax").decide(SPLIT).tolist()
    )
    assert (
        DecisionRule("cost", 1.0).decide(SPLIT).tolist()
        == DecisionRule("median").decide(SPLIT).tolist()
    )


def test_the_prior_speaks_for_rare_stars():
    p = np.array([[0.3, 0.0, 0.0, 0.0, 0.7]])
    prior = (0.1, 0.1, 0.1, 0.1, 0.6)
    assert DecisionRule("prior", 0.1, prior).decide(p).tolist() == [5]
    assert DecisionRule("prior", 1.0, prior).decide(p).tolist() == [1]


def test_a_prior_is_that_of_the_rows_and_never_nothing():
    rules = candidates([DecisionRule("argmax"), DecisionRule("prior", 0.5)], np.array([5, 5, 5, 1]))
    assert rules[0].prior == ()
    assert rules[1].prior == pytest.approx((1 / 5.5, 0.5 / 5.5, 0.5 / 5.5, 0.5 / 5.5, 3 / 5.5))


def test_the_rule_of_highest_utility_wins_within_the_slack():
    ratings = np.array([1] * 37 + [4] * 33 + [5] * 30)
    p = np.repeat(SPLIT, 100, axis=0)
    rules = [DecisionRule("argmax"), DecisionRule("median")]
    assert choose(rules, ratings, p, accuracy_slack=0.2).name == "median"
    assert choose(rules, ratings, p, accuracy_slack=0.0).name == "argmax"


@pytest.mark.parametrize("wrong", [{"name": "coin"}, {"name": "cost", "strength": 1.5}])
def test_an_unknown_rule_is_refused(wrong):
    with pytest.raises(ConfigurationError):
        DecisionRule(**wrong)
