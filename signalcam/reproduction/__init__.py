"""Reproduction: train by a recipe, evaluate on a fold, and write tables, figures and a model card."""

from signalcam.reproduction.labelled_results import evaluate_labelled
from signalcam.reproduction.model_card import CITATION, model_card
from signalcam.reproduction.published import published_predictions
from signalcam.reproduction.reproduce import COMPARISON, Run, over_seeds, reproduce
from signalcam.reproduction.results import Results, evaluate_model
from signalcam.reproduction.text import as_json, as_markdown, as_text, markdown_table

__all__ = [
    "CITATION", "COMPARISON", "Results", "Run", "as_json", "as_markdown", "as_text",
    "evaluate_labelled", "evaluate_model", "markdown_table", "model_card", "over_seeds",
    "published_predictions", "reproduce",
]  # fmt: skip
