"""Who is trained, who is tested, and what that says: the runner, the guard, results and their comparison."""

from merkit.evaluation.comparison import Comparison, compare
from merkit.evaluation.result import Result, load_result
from merkit.evaluation.run import evaluate
from merkit.evaluation.train import train_model

__all__ = ["Comparison", "Result", "compare", "evaluate", "load_result", "train_model"]
